/** Arrays of nodes as their users train them: lanes of a batch, packed weights, rules that reach the last layer first. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { largestDifference } from '../support/mesh.ts';
import { nmc, temporaryFolder } from '../support/nmc.ts';

const folder = temporaryFolder();

const block = (name: string, method: string): string => `train ${name} of m on data.glyphs.train {
  clamp x = sample.image / 255
  clamp y = one_hot(sample.digit, 10)
  method    = ${method}
  optimizer = learn.sgd(rate = 0.1)
  batch     = 64
  epochs    = 1
}
`;

test('one batch of z_il on a chain of an array moves the weights as backpropagation does', async () => {
  writeFileSync(
    join(folder, 'chain.pcn'),
    `pcn 1

import std/nodes
import std/links
import std/learn
import std/data
import std/topology

model m {
  sense x: f32[784]
  node  y: f32[10] = nodes.gaussian()
  node  h[6]: f32[64] = nodes.gaussian()
  link x -> h[0] = links.dense(after = tanh, init = normal(0.05))
  link h[0..4] -> h[1..5] = links.dense(after = tanh, init = normal(0.15)) along topology.one_to_one()
  link h[5] -> y = links.dense(init = normal(0.1))
}

${block('z_il', 'learn.z_il()')}
${block('bp', 'learn.bp()')}`,
  );
  for (const task of ['z_il', 'bp']) {
    const trained = await nmc(['train', 'chain.pcn', task, '--limit', '64', '--out', task], { cwd: folder });
    expect(trained.code, trained.stderr).toBe(0);
  }
  expect(largestDifference(join(folder, 'z_il'), join(folder, 'bp'))).toBeLessThan(1e-6);
});
