/** A training says by itself that its rate of inference is too large, where to look for that is cheap. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nmc, temporaryFolder } from '../support/nmc.ts';

const folder = temporaryFolder();
const rows = Array.from({ length: 16 }, (_, i) => [0, 1, 2, 3, 4, 5].map((j) => Math.sin(i * 7 + j).toFixed(3)));
writeFileSync(join(folder, 'd.csv'), `x[0],x[1],x[2],x[3],y[0],y[1]\n${rows.map((r) => r.join(',')).join('\n')}\n`);
const model = (method: string): string => {
  const path = join(folder, `${method.replace(/\W+/g, '-')}.pcn`);
  writeFileSync(
    path,
    `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense x: f32[4]
  node h:  f32[8] = nodes.gaussian(act = tanh)
  node y:  f32[2] = nodes.gaussian()
  link x -> h -> y = links.dense()
}
train t of m on data.file("d.csv", x = f32[4], y = f32[2]) {
  clamp x = sample.x
  clamp y = sample.y
  method = ${method}
  batch = 4
  epochs = 1
}
`,
  );
  return path;
};
const trained = (method: string, ...more: string[]) =>
  nmc(['train', model(method), '--device', 'cpu', '--out', join(folder, `run-${method}-${more.join('')}`), ...more]);

test('a rate that overshoots gives a warning by default, on standard error beside JSON', async () => {
  const [people, programs] = await Promise.all([
    trained('learn.il(steps = 4, rate = 3.5)'),
    trained('learn.il(steps = 4, rate = 3.5)', '--json'),
  ]);
  expect(people).toMatchObject({ code: 0 });
  expect(people.stdout).toMatch(/probe {2}warning: largest curvature 1\.\d+, .* the rate is 3\.5/);
  expect(programs.stderr).toContain('inference is likely to diverge');
  expect(programs.stdout).not.toContain('"probe"');
});

test('a rate that settles, and a rule without a rate, give no warning', async () => {
  const all = await Promise.all([trained('learn.il(steps = 4, rate = 0.1)'), trained('learn.bp()')]);
  for (const { code, stdout, stderr } of all) {
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain('probe');
  }
});
