/** Tiles that a stranger's plan tells of lie within their wholes, or the plan is refused. */
import { expect, test } from 'vitest';
import { programProblem } from '../../../runtime/plan/sound-program.ts';
import type { State } from '../../../spec/program.ts';
import { cutFrom } from '../../../spec/slices.ts';

const tile: State = {
  id: 'a->b.w/1',
  shape: [2, 6],
  role: 'parameter',
  init: { kind: 'uniform', bound: 1 },
  slice: { of: 'a->b.w', shape: [2, 12], axis: 1, from: 2, groups: 3 },
};

const problemOf = (state: unknown): string | undefined =>
  programProblem({ name: 'p', states: [state as State], functions: [] }, 1 << 20);

test('a slice takes one of every four elements of three runs', () => {
  expect(problemOf(tile)).toBeUndefined();
  const whole = Float32Array.from({ length: 24 }, (_, i) => i);
  expect([...cutFrom(whole, tile.slice as NonNullable<State['slice']>, tile.shape)]).toEqual([
    2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23,
  ]);
});

test.each<[string, unknown]>([
  ['no object', 7],
  ['nothing', null],
  ['without a name', { ...tile.slice, of: undefined }],
  ['without a shape', { ...tile.slice, shape: undefined }],
  ['of a huge whole', { ...tile.slice, shape: [2, 2 ** 40] }],
  ['after the end', { ...tile.slice, from: 3 }],
  ['before the start', { ...tile.slice, from: -1 }],
  ['no whole element', { ...tile.slice, from: 0.5 }],
  ['an axis that does not exist', { ...tile.slice, axis: 2 }],
  ['runs that do not fit', { ...tile.slice, groups: 4 }],
  ['no runs', { ...tile.slice, groups: 0 }],
  ['another width beside the axis', { ...tile.slice, shape: [3, 12] }],
  ['another rank', { ...tile.slice, shape: [2, 12, 1] }],
])('a slice is refused: %s', (_, slice) => {
  expect(problemOf({ ...tile, slice })).toMatch(/tile of|tile without a whole|has no sound shape|too large/);
});
