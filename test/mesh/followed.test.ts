/** A backplane with its own copy of the streams: the suite of every backplane, and streams that are not what they were. */
import { join } from 'node:path';
import Database from 'libsql';
import { describe, expect, test } from 'vitest';
import type { Backplane, ChainedRecord } from '../../runtime/backplane/backplane.ts';
import { chained, EMPTY } from '../../runtime/backplane/chain.ts';
import { compareStream, differenceOf } from '../../runtime/backplane/compare-streams.ts';
import { embeddedBackplane } from '../../runtime/backplane/embedded.ts';
import { type FollowedBackplane, followed } from '../../runtime/backplane/followed.ts';
import { openStreamCopy, StreamCopy } from '../../runtime/backplane/stream-copy.ts';
import { StreamFollower } from '../../runtime/backplane/stream-follower.ts';
import { seeded } from '../fuzz/mutate.ts';
import { type MemoryBackplane, memoryBackplane } from '../support/memory-backplane.ts';
import { temporaryFolder } from '../support/nmc.ts';
import { backplaneSuite } from './backplane-suite.ts';

const folder = temporaryFolder();
let count = 0;
/** It serves several backplanes, one after the other. */
class LastingCopy extends StreamCopy {
  override close(): void {
    // With the process.
  }
}

const copy = (): StreamCopy => new StreamCopy(new Database(':memory:'));

describe('a backplane whose streams are copied', () => {
  const open = (n: number, copied: string): Backplane =>
    followed(embeddedBackplane(join(folder, String(n))), {
      copy: openStreamCopy(join(folder, copied)),
      onBroken: (error) => {
        throw error;
      },
    });
  backplaneSuite({
    open: async () => open(++count, `of-${count}`),
    reopen: async () => open(count, `of-${count}`),
  });
});

function stream(values: readonly string[], behind = EMPTY): ChainedRecord[] {
  const records: ChainedRecord[] = [];
  for (const value of values) records.push(chained('log', records.at(-1) ?? behind, value));
  return records;
}

const reader = (records: readonly ChainedRecord[]) => ({
  chain: async (_: string, from: number, limit: number) => records.filter((r) => r.sequence >= from).slice(0, limit),
});

/** What may have happened to a stream of `n` records. @returns what it has now, never what it had */
const HAPPENED: Readonly<Record<string, (kept: readonly ChainedRecord[], at: number) => ChainedRecord[]>> = {
  'cut back': (kept, at) => kept.slice(0, at),
  'cut back and written on': (kept, at) => {
    const left = kept.slice(0, at);
    return [
      ...left,
      ...stream(
        kept.slice(at).map((r) => `${r.value}'`),
        left.at(-1),
      ),
    ];
  },
  altered: (kept, at) => kept.map((r, i) => (i === at ? { ...r, value: `${r.value}'` } : r)),
  'altered with its hash': (kept, at) =>
    kept.map((r, i) => (i === at ? chained('log', kept[i - 1] ?? EMPTY, `${r.value}'`) : r)),
  reordered: (kept, at) => {
    const [a, b] = [kept[at] as ChainedRecord, kept[(at + 1) % kept.length] as ChainedRecord];
    const swapped = (r: ChainedRecord): ChainedRecord =>
      r === a ? { ...b, sequence: a.sequence } : r === b ? { ...a, sequence: b.sequence } : r;
    return kept.map(swapped);
  },
  'with a hole': (kept, at) => kept.filter((_, i) => i !== at || i === kept.length - 1),
  replaced: (kept) => stream(kept.map((r) => `${r.value}'`)),
  'replaced by a longer one': (kept) => stream([...kept, ...kept].map((r) => `${r.value}'`)),
  'made anew, and empty': () => [],
};

test.each(Object.keys(HAPPENED))('a stream that was %s is found by comparing, whatever its length', async (what) => {
  for (let seed = 0; seed < 60; seed++) {
    const rng = seeded(seed);
    const kept = stream(Array.from({ length: 2 + Math.floor(rng() * 12) }, (_, i) => `${i}`));
    const now = HAPPENED[what]?.(kept, Math.floor(rng() * (kept.length - 1))) ?? [];
    const compared = await compareStream('log', [
      { name: 'store', reader: reader(now) },
      { name: 'copy', reader: reader(kept) },
    ]);
    const [store, own] = compared.copies;
    expect(own).toEqual({ name: 'copy', first: 1, last: kept.length, hash: kept.at(-1)?.hash });
    const found = differenceOf(compared, 0) !== undefined || (store?.last ?? 0) < kept.length;
    expect(found, `seed ${seed}`).toBe(true);
  }
});

test('streams that are equal, longer, or begin later do not differ', async () => {
  const kept = stream(['a', 'b', 'c', 'd', 'e']);
  const said = await compareStream('log', [
    { name: 'store', reader: reader(kept.slice(2)) },
    { name: 'copy', reader: reader(kept.slice(0, 4)) },
  ]);
  expect(differenceOf(said, 3)).toBeUndefined();
  expect(said.copies.map(({ first, last, problem }) => [first, last, problem])).toEqual([
    [3, 5, undefined],
    [1, 4, undefined],
  ]);
});

test.each(Object.keys(HAPPENED))('a follower whose stream was %s stops it, for good, and keeps both', async (what) => {
  for (let seed = 0; seed < 6; seed++) {
    const rng = seeded(seed);
    const kept = stream(Array.from({ length: 2 + Math.floor(rng() * 12) }, (_, i) => `${i}`));
    let now: readonly ChainedRecord[] = kept;
    const source = { chain: (name: string, from: number, limit: number) => reader(now).chain(name, from, limit) };
    const own = copy();
    const broken: string[] = [];
    const options = {
      source,
      copy: own,
      forgotten: async () => 0,
      onBroken: (e: Error) => broken.push(e.message),
      pause: async () => undefined,
    };
    const follower = new StreamFollower(options);
    await follower.catchUp('log');
    await follower.compare('log');
    now = HAPPENED[what]?.(kept, Math.floor(rng() * (kept.length - 1))) ?? [];
    const failed = await follower
      .catchUp('log')
      .then(
        () => follower.compare('log'),
        (error: unknown) => Promise.reject(error),
      )
      .catch((error: unknown) => error);
    expect(failed, `seed ${seed}`).toMatchObject({ code: expect.stringMatching(/^chain\/(behind|differs)$/) });
    now = kept;
    expect(() => follower.assertSound('log')).toThrow();
    expect(() => new StreamFollower(options).assertSound('log')).toThrow(broken[0]);
    expect(broken).toHaveLength(1);
    expect(await own.chain('log', 1, 99)).toEqual(kept);
    own.setAside('log');
    const again = new StreamFollower(options);
    await again.catchUp('log');
    expect(await own.chain('log', 1, 99)).toEqual(kept);
    own.close();
  }
});

test('a copy that was away begins anew behind what the mesh has forgotten, and behind nothing else', async () => {
  const store = memoryBackplane();
  const broken: string[] = [];
  const open = (name: string): FollowedBackplane =>
    followed(store, {
      copy: openStreamCopy(join(folder, name)),
      onBroken: ({ code }) => broken.push(code),
      pause: async () => undefined,
    });
  const valuesOf = async (name: string): Promise<string[]> => {
    const own = openStreamCopy(join(folder, name));
    const values = (await own.chain('log', 1, 9)).map((r) => r.value);
    own.close();
    return values;
  };
  const near = open('near');
  for (const value of ['a', 'b']) await near.append('log', value);
  await open('far').close();
  for (const value of ['c', 'd', 'e']) await near.append('log', value);
  await near.trim('log', 4);
  await near.copied();
  expect(await valuesOf('near')).toEqual(['d', 'e']);
  expect(await valuesOf('far')).toEqual(['a', 'b']);
  await open('far').close();
  expect(await valuesOf('far')).toEqual(['d', 'e']);
  expect(broken).toEqual([]);
  // Past the mesh.
  await near.append('log', 'f');
  await near.append('log', 'g');
  await store.trim('log', 7);
  const late = open('far');
  await late.copied();
  expect(broken).toEqual(['chain/differs']);
  await expect(late.append('log', 'h')).rejects.toMatchObject({ code: 'chain/differs' });
  expect(await near.append('log', 'h')).toBe(8);
  await late.close();
  await near.close();
});

/** Wrong answers of one call, from a seed: a stale one, one of another stream, records that were changed on the way. */
function lying(store: MemoryBackplane, rng: () => number): Backplane {
  const lie = (records: ChainedRecord[]): ChainedRecord[] => {
    const at = Math.floor(rng() * records.length);
    const kinds: (() => ChainedRecord[])[] = [
      () => records.slice(0, at),
      () => records.map((r, i) => (i === at ? { ...r, value: `${r.value}?` } : r)),
      () => records.filter((_, i) => i !== at),
      () => [...records].reverse(),
      () => [],
    ];
    return kinds[Math.floor(rng() * kinds.length)]?.() ?? records;
  };
  return {
    ...store,
    chain: async (name, from, limit) => {
      const records = await store.chain(name, from, limit);
      return rng() < 0.3 ? lie(records) : records;
    },
    append: async (name, value) => {
      const sequence = await store.append(name, value);
      if (rng() < 0.2) await store.publish('stream-news', `another ${name}`);
      return sequence;
    },
    publish: async (subject, message) => {
      if (rng() < 0.5) await store.publish(subject, message);
    },
  };
}

test('wrong and stale answers lose and double nothing, and hide no loss, from 1,000 seeds', async () => {
  const [database, other] = [0, 1].map(() => new LastingCopy(new Database(':memory:'))) as [StreamCopy, StreamCopy];
  let [lost, found, alarms] = [0, 0, 0];
  for (let seed = 0; seed < 1000; seed++) {
    const rng = seeded(seed);
    const store = memoryBackplane();
    const name = `log/${seed}`;
    const broken: string[] = [];
    const options = {
      onBroken: (e: { readonly message: string }) => broken.push(e.message),
      pause: async () => undefined,
    };
    const writers = [database, other].map((own) => followed(lying(store, rng), { ...options, copy: own }));
    const told = new Map<number, string>();
    const write = async (round: string): Promise<void> => {
      const work = writers.map(async (writer, w) => {
        for (let i = 0; i < 2; i++) told.set(await writer.append(name, `${round}${w}${i}`), `${round}${w}${i}`);
      });
      await Promise.all(work);
    };
    await write('a').catch(() => alarms++);
    await Promise.all(writers.map((w) => w.copied()));
    const kept = store.kept.get(name) ?? [];
    // A lie that is told five times in a row is believed: nothing is written then, and nothing lost.
    if (broken.length === 0)
      expect(kept.map((r) => r.value)).toEqual([...told].sort(([a], [b]) => a - b).map(([, v]) => v));
    for (const own of [database, other]) {
      const copied = await own.chain(name, 1, 99);
      expect(copied, `seed ${seed}`).toEqual(kept.slice(0, copied.length));
    }
    if (broken.length === 0 && rng() < 0.5 && database.head(name).sequence > 1) {
      lost++;
      const before = await database.chain(name, 1, 99);
      store.kept.set(name, kept.slice(0, 1 + Math.floor(rng() * (before.length - 1))));
      await write('b').catch(() => undefined);
      await Promise.all(writers.map((w) => w.copied()));
      if (broken.length > 0) found++;
      expect((await database.chain(name, 1, 99)).slice(0, before.length)).toEqual(before);
    }
    await Promise.all(writers.map((w) => w.close()));
    for (const own of [database, other]) own.setAside(name);
  }
  expect(lost).toBeGreaterThan(300);
  expect([found, alarms]).toEqual([lost, alarms]);
  expect(alarms).toBeLessThan(50);
});
