/** What a trainer binds itself to where another device gives other bits, and how far two devices may be apart. */
import { expect, test } from 'vitest';
import { chainProblem, drawnStep, linkOf, type ShardChain, stepsOf } from '../../../runtime/audit/chain.ts';
import { apartOf, changeFor, seesNothing } from '../../../runtime/audit/tolerance.ts';

const RUN = {
  ...{ train: { length: 28 }, checks: [{ length: 8 }], batch: 4, epochs: 2 },
  evaluations: [{ batch: 4, function: 'predict.answer', metric: 'error' as const }],
};

test('a stretch is cut behind batches, whole sequences and whole rankings', () => {
  expect(stepsOf(RUN, 2, 5)).toEqual([2, 3, 4, 5]);
  // Seven batches, and two of the evaluation.
  expect(stepsOf(RUN, 6, 10)).toEqual([6, 7, 8, 9, 10]);
  expect(stepsOf({ ...RUN, sequence: 3 }, 0, 9)).toEqual([0, 3, 6, 9]);
  const ranked = { ...RUN, evaluations: [{ batch: 4, function: 'predict.answer', metric: 'auc' as const }] };
  expect(stepsOf(ranked, 6, 10)).toEqual([6, 7, 9, 10]);
});

test('a link is of a state and of sums, in whatever order they are named', () => {
  expect(linkOf('a', { x: 1, y: 2 })).toBe(linkOf('a', { y: 2, x: 1 }));
  expect(new Set([linkOf('a', { x: 1 }), linkOf('a', { x: 2 }), linkOf('b', { x: 1 })]).size).toBe(3);
});

test('which step is shown depends on the draw and on every link, and all of them come up', () => {
  const chains = (text: string): ShardChain[] => [{ shard: 0, links: [text, 'b', 'c'] }];
  const steps = Array.from({ length: 60 }, (_, i) => drawnStep(`seed ${i}`, chains('a'), 3));
  expect(new Set(steps)).toEqual(new Set([0, 1, 2]));
  const others = Array.from({ length: 60 }, (_, i) => drawnStep('seed', chains(`link ${i}`), 3));
  expect(new Set(others)).toEqual(new Set([0, 1, 2]));
  const two = [...chains('a'), { shard: 1, links: ['d'] }];
  expect(drawnStep('seed', two, 997)).toBe(drawnStep('seed', [...two].reverse(), 997));
});

test('a chain ends where its trainer has signed, and has a link for each step of each shard', () => {
  const chains = [{ shard: 3, links: ['a', 'b'] }];
  expect(chainProblem(chains, [{ shard: 3, link: 'b' }], 2)).toBeUndefined();
  expect(chainProblem(chains, [{ shard: 3, link: 'c' }], 2)).toContain('does not end where');
  expect(chainProblem(chains, [{ shard: 3, link: 'b' }], 3)).toContain('3 steps');
  expect(chainProblem(chains, [{ shard: 4, link: 'b' }], 2)).toContain('shard 4');
});

test('an element may be as far off as changed computations are, and no further', () => {
  const here = [1, 2, 3, 4];
  const changed = [here.map((value) => value * (1 + changeFor(100)))];
  const by = (share: number): number => apartOf({ claimed: here.map((v) => v * (1 + share)), here, changed }).ratio;
  expect(by(changeFor(1))).toBeLessThan(0.2);
  expect(by(1e-3)).toBeGreaterThan(1);
  expect(apartOf({ claimed: [1, 2, Number.NaN, 4], here, changed }).ratio).toBe(Number.POSITIVE_INFINITY);
  expect(apartOf({ claimed: [1, 2], here, changed }).ratio).toBe(Number.POSITIVE_INFINITY);
  // An error that is nothing here is the difference of two numbers there; rounding to f16 goes the one way or the other.
  expect(apartOf({ claimed: [6e-8], here: [0], changed: [[0]] }).ratio).toBe(Number.POSITIVE_INFINITY);
  expect(apartOf({ claimed: [6e-8], here: [0], changed: [[0]], scale: 1 }).ratio).toBeLessThan(0.1);
  expect(apartOf({ claimed: [1.0005], here: [1], changed: [[1]] }).ratio).toBeGreaterThan(1);
  expect(apartOf({ claimed: [1.0005], here: [1], changed: [[1]], half: true }).ratio).toBeLessThan(1);
});

test('where changed computations are too far apart nothing is seen', () => {
  const here = [1, 2, 3];
  const judged = (share: number) => [apartOf({ claimed: here, here, changed: [here.map((v) => v * (1 + share))] })];
  expect(seesNothing(judged(1e-4))).toBe(false);
  expect(seesNothing(judged(0.5))).toBe(true);
});
