/** Counters of ticks and updates are known in some places alone: elsewhere it is said where. */
import { expect, test } from 'vitest';
import { checkFile } from '../../../compiler/compile.ts';
import { fileHost, overlayHost } from '../../../compiler/host.ts';

const modelWith = (method: string, when = ''): string => `pcn 1
import std/nodes
import std/links
import std/learn
import std/data

model m {
  sense x: f32[3]
  node  y: f32[2] = nodes.gaussian()
  link x -> y = links.dense()
}

train il of m on data.file("x.npz", x = f32[3], y = f32[2]) {
  clamp x = sample.x${when}
  clamp y = sample.y
  method    = learn.il(steps = 2, rate = ${method})
  optimizer = learn.sgd()
  batch     = 4
  epochs    = 1
}
`;

const problemsOf = (text: string): string[] =>
  checkFile(overlayHost({ 'm.pcn': text }, fileHost()), 'm.pcn').diagnostics.map((d) => `${d.code}: ${d.reason}`);

test.each([
  [
    'tick',
    '0.1 / (1 + tick)',
    'name/unknown: `tick` counts in the `predict` of a link and the `energy` or `value` of a node',
  ],
  ['update', '0.1 / (1 + update)', 'name/unknown: `update` counts in an optimizer and its rate'],
  ['updates', '1 / updates', 'name/unknown: `updates` is known to an optimizer and its rate'],
])('%s in the rate of a method is refused', (_, rate, words) => {
  const problems = problemsOf(modelWith(rate));
  expect(problems).toEqual([expect.stringContaining(words)]);
  expect(problems[0]).toContain('all else is the same');
});

test('a tick in the condition of a clamp is refused, too', () => {
  expect(problemsOf(modelWith('0.1', ' when tick < 1'))).toEqual([expect.stringContaining('`tick` counts in')]);
});
