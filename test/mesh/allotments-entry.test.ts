/** The entry of all placements, as two leaders change it over one memory. */
import { expect, test } from 'vitest';
import { ALLOTMENTS, AllotmentsEntry } from '../../runtime/net/allotments-entry.ts';
import type { Allotments } from '../../runtime/roles/synchronizer-state.ts';
import { type MemoryBackplane, memoryBackplane } from '../support/memory-backplane.ts';

const line = (bytes: number) => ({ term: 1, memory: { ann: bytes } });

/** @returns a leader's view of it */
function open(backplane: MemoryBackplane, over: readonly string[] = [], stored: Allotments = {}) {
  const known = { version: 0, lines: {} as Allotments };
  const entry = new AllotmentsEntry({
    backplane,
    isOver: (run) => over.includes(run),
    stored: () => stored,
    learnt: (version, lines) => Object.assign(known, { version, lines }),
    written: () => undefined,
  });
  const allot = (run: string, bytes: number, holds = false, knowing = known.version): Promise<boolean> =>
    entry.allot({ run, line: bytes === 0 ? undefined : line(bytes), knowing, holds });
  return { entry, known, allot };
}

test('of two placements at the same moment the second one is refused, and knows the first then', async () => {
  const backplane = memoryBackplane();
  const [one, two] = [open(backplane), open(backplane)];
  expect(await one.allot('a', 90)).toBe(true);
  expect(await two.allot('b', 90)).toBe(false);
  expect(two.known.lines).toEqual({ a: line(90) });
  // Computed before it has learnt that.
  expect(await two.allot('b', 5, false, 0)).toBe(false);
  expect(await two.allot('b', 5)).toBe(true);
  expect(JSON.parse(backplane.entries.get(ALLOTMENTS)?.value ?? '')).toEqual({ a: line(90), b: line(5) });
});

test('a run that holds it already, or gives something up, is never refused', async () => {
  const backplane = memoryBackplane();
  const [one, two] = [open(backplane), open(backplane)];
  await one.allot('a', 90);
  expect(await two.allot('b', 50, true)).toBe(true);
  expect(await one.allot('a', 40)).toBe(true);
  expect(await two.allot('b', 0)).toBe(true);
  expect(JSON.parse(backplane.entries.get(ALLOTMENTS)?.value ?? '')).toEqual({ a: line(40) });
});

test('the line of a run that is over counts for nothing, and goes with the next change', async () => {
  const backplane = memoryBackplane();
  await open(backplane).allot('dead', 90);
  const next = open(backplane, ['dead']);
  await next.entry.learn();
  expect(next.known.lines).toEqual({});
  expect(await next.allot('b', 90)).toBe(true);
  expect(JSON.parse(backplane.entries.get(ALLOTMENTS)?.value ?? '')).toEqual({ b: line(90) });
});

test.each([undefined, 'not an entry'])(
  'an entry that is %s is made again from the runs as they are stored',
  async (value) => {
    const backplane = memoryBackplane();
    if (value !== undefined) await backplane.put(ALLOTMENTS, value, 0);
    const one = open(backplane, [], { a: line(90) });
    await one.entry.learn();
    expect(one.known.lines).toEqual({ a: line(90) });
    expect(await one.allot('b', 5)).toBe(true);
    expect(JSON.parse(backplane.entries.get(ALLOTMENTS)?.value ?? '')).toEqual({ a: line(90), b: line(5) });
  },
);
