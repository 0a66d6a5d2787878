/** Models that random ones shrank to when they found a mistake. */
import { expect, test } from 'vitest';
import { check } from './check.ts';
import { cpu, reference } from './devices.ts';

const model = (body: string, task: string): string => `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model m {
  sense x: f32[2]
${body}
}

train t of m on data.file("m.npz", x = f32[2], y = f32[3]) {
  clamp x = sample.x
${task}
  optimizer = learn.sgd(rate = 0.1)
  batch = 2
  epochs = 1
}
`;

test.each([
  [
    'a delayed link that skips levels under z_il gets no identity nodes',
    model(
      `  node h: f32[2] = nodes.gaussian()
  node k: f32[2] = nodes.gaussian()
  node y: f32[3] = nodes.gaussian()
  link x -> h -> k -> y = links.dense()
  link h -> y = links.dense(delay = 1)`,
      `  clamp y = sample.y
  method = learn.z_il()`,
    ),
  ],
  [
    'the free elements of an output settle under z_il',
    model(
      `  node h: f32[2] = nodes.gaussian()
  node y: f32[3] = nodes.correlated()
  link x -> h -> y = links.dense()`,
      `  clamp y = sample.y when range(3) < 2
  method = learn.z_il()`,
    ),
  ],
])('%s', async (_, text) => {
  expect(await check(text, [reference, cpu(1)])).toEqual([]);
});
