/** Which warnings of a file a training tells. */
import { expect, test } from 'vitest';
import { warningsOf } from '../../../runtime/cli/compiling/warnings-of.ts';
import { checkSource } from '../../support/check-source.ts';

const { value, diagnostics } = checkSource(
  `pcn 1
import std/links
import std/learn
import std/data

model m {
  sense x: f32[4]
  sense v: f32[4]
  node  h[12]: f32[4]
  node  y: f32[3]
  node  alone: f32[3]
  link [x, v] -> h[0] = links.dense()
  link h[*] -> h[*] = links.dense() along topology.chain()
  link h[last] -> y = links.dense()
}
${['few', 'blind', 'sound']
  .map(
    (name) => `train ${name} of m on data.file("d.npz", x = f32[4], y = f32[3]) {
  clamp x = sample.x
  ${name === 'blind' ? '' : 'clamp v = sample.x'}
  clamp y = sample.y
  method = ${name === 'few' ? 'learn.il(steps = 13)' : 'learn.pc_alm()'}
}`,
  )
  .join('\n')}
predict p of m {
  clamp x = input.x
  read y = y
}`.replace('import std/links', 'import std/links\nimport std/topology'),
);

test('of the warnings of a file those of other train blocks are left out', () => {
  expect(value?.trains.map(({ name }) => name)).toEqual(['few', 'blind', 'sound']);
  const warnings = diagnostics.filter((d) => d.severity === 'warning');
  const told = (value?.trains ?? []).map((task) =>
    value ? warningsOf({ checked: value, warnings }, task).map((d) => d.code) : [],
  );
  expect(told).toEqual([
    expect.arrayContaining(['node/alone', 'steps/few']),
    expect.arrayContaining(['node/alone', 'sense/unclamped']),
    ['node/alone'],
  ]);
  expect(told.map((codes) => codes.length)).toEqual([2, 2, 1]);
});
