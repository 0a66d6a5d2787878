/** Cores of a modelled machine: who waits for whom, and how they slow each other down. */
import { expect, test } from 'vitest';
import { EventQueue } from '../../../runtime/simulation/event-queue.ts';
import { type Cores, Processors } from '../../../runtime/simulation/processors.ts';

/** @returns when each job ends; jobs are `[seconds, thread]` of one machine, all asked for at once */
function endsOf(machine: Cores, jobs: readonly (readonly [number, number?])[]): number[] {
  const queue = new EventQueue<() => void>();
  let now = 0;
  const processors = new Processors([machine], (seconds, what) => queue.add(now + seconds, what));
  const ends: number[] = [];
  jobs.forEach(([seconds, thread], i) => {
    const done = (): void => {
      ends[i] = now;
    };
    processors.do({ machine: 0, seconds, done, ...(thread === undefined ? {} : { thread }) });
  });
  for (let next = queue.next(); next; next = queue.next()) {
    now = next.at;
    next.what();
  }
  return ends;
}

test('as many jobs as there are cores run at a time', () => {
  expect(endsOf({ cores: 2 }, [[1], [2], [1]])).toEqual([1, 2, 2]);
});

test('jobs of one thread run one after the other, and other jobs do not wait for them', () => {
  expect(endsOf({ cores: 2 }, [[1, 7], [1, 7], [1]])).toEqual([1, 2, 1]);
});

test('cores that share their resources slow each other down', () => {
  expect(endsOf({ cores: 2, speedup: 1 }, [[1], [1]])).toEqual([1, 2]);
});
