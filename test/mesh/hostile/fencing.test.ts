/** Leaders that do not know that they lead no longer: their writes come too late, however they interleave. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backplane, ChainedRecord, Entry } from '../../../runtime/backplane/backplane.ts';
import { chained, EMPTY } from '../../../runtime/backplane/chain.ts';
import { differs } from '../../../runtime/backplane/chain-errors.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { Fenced, type FencedBackplane, fencedBackplane } from '../../../runtime/net/fenced-backplane.ts';
import { Lease } from '../../../runtime/net/lease.ts';
import { parsedJson } from '../../../runtime/support/parsed-json.ts';
import { stream } from '../../../spec/random.ts';
import { makeMesh, openMesh } from '../../support/nats/mesh.ts';
import { NatsServer } from '../../support/nats/server.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { waitUntil } from '../../support/wait-for.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-fencing-'));
const server = new NatsServer();
beforeAll(() => server.start());
afterAll(async () => {
  await server.remove();
  removeFolder(folder);
});

const [RUN, LOG] = ['run/a', 'log/a'];
const always = (): boolean => true;

/** What a leader does first: it looks where the log ends, then gives the run's entry a new revision. */
async function takeOver(leader: FencedBackplane, reign: number): Promise<Entry> {
  await leader.meet(LOG);
  const found = await leader.get(RUN);
  const [value, before] = [found?.value ?? '0', found?.revision ?? 0];
  const revision = await leader.put(RUN, value, before);
  if (revision === undefined) throw new Fenced(RUN);
  await leader.append(LOG, JSON.stringify({ reign, led: revision }));
  return { key: RUN, value, revision };
}

/** One step of the run: durable first, then told. */
async function work(leader: FencedBackplane, reign: number, entry: Entry): Promise<Entry> {
  const value = String(Number(entry.value) + 1);
  const revision = await leader.put(RUN, value, entry.revision);
  if (revision === undefined) throw new Fenced(RUN);
  await leader.append(LOG, JSON.stringify({ reign, step: Number(value) }));
  return { key: RUN, value, revision };
}

describe.each<[string, () => Promise<Backplane>]>([
  ['on the disk', async () => embeddedBackplane(join(folder, 'embedded'))],
  ['in NATS', async () => openMesh(server, await makeMesh(server))],
])('of two who both believe to lead, kept %s', (_, open) => {
  test('the earlier one can change nothing any more, and is told', async () => {
    const store = await open();
    try {
      const [first, second] = [fencedBackplane(store, always), fencedBackplane(store, always)];
      let entry = await work(first, 1, await takeOver(first, 1));
      const taken = await takeOver(second, 2);
      expect(taken.value).toBe('1');
      await expect(work(first, 1, entry)).rejects.toThrow(Fenced);
      await expect(first.append(LOG, 'late')).rejects.toThrow(Fenced);
      await expect(first.append(LOG, 'again')).rejects.toThrow(Fenced);
      // One that knows the newest revision still does not get into the log.
      entry = await work(second, 2, taken);
      await expect(first.append(LOG, 'late')).rejects.toThrow(Fenced);
      const values = (await store.read(LOG, 1, 100)).map(({ value }) => JSON.parse(value));
      expect(values).toEqual([
        { reign: 1, led: expect.any(Number) },
        { reign: 1, step: 1 },
        { reign: 2, led: expect.any(Number) },
        { reign: 2, step: 2 },
      ]);
      expect((await store.get(RUN))?.value).toBe(entry.value);
    } finally {
      await store.close();
    }
  });
});

test('one whose lease has run out by its own clock writes nothing, though no other leads', async () => {
  const store = embeddedBackplane(join(folder, 'lapsed'));
  let leads = true;
  const leader = fencedBackplane(store, () => leads);
  const entry = await takeOver(leader, 1);
  leads = false;
  await expect(work(leader, 1, entry)).rejects.toThrow(Fenced);
  for (const write of [leader.append(LOG, 'x'), leader.remove(RUN, entry.revision), leader.removeBlob('0')])
    await expect(write).rejects.toThrow(Fenced);
  expect((await store.get(RUN))?.value).toBe('0');
  await store.close();
});

describe('a forged lease', () => {
  const forged = [
    '{"holder":"stranger","reign":1000000}',
    'not a lease',
    '{"holder":"x","reign":-4}',
    '{"holder":"x","reign":0}',
  ];
  test.each(forged)('%s lapses like any other, and the next reign is a later one', async (value) => {
    const store = embeddedBackplane(join(folder, `forged-${forged.indexOf(value)}`));
    const happened: number[] = [];
    const lease = new Lease({
      ...{ backplane: store, key: 'leader', self: 'a', lapseMs: 200, now: () => performance.now() },
      begins: (reign) => happened.push(reign),
      ends: (reign) => happened.push(-reign),
      log: () => undefined,
    });
    try {
      await waitUntil('a leader', () => lease.leads(1));
      // Somebody writes into its entry while it leads: it does not go on.
      await waitUntil('the forgery', async () => {
        const entry = await store.get('leader');
        return (await store.put('leader', value, entry?.revision ?? 0)) !== undefined;
      });
      await waitUntil('the next reign', () => happened.length >= 3);
      const reign = (parsedJson(value) as { reign?: number } | undefined)?.reign ?? 0;
      const [begun = 0, ended = 0, next = 0] = happened;
      expect([begun, ended]).toEqual([1, -1]);
      expect(next).toBeGreaterThan(Math.max(1, reign));
    } finally {
      lease.close();
      await store.close();
    }
  });
});

/** A store in memory whose answers come in the order that the seed draws, and some of whose writes are late or unanswered. */
class DrawnStore {
  readonly #numbers: ReturnType<typeof stream>;
  readonly #waiting: (() => void)[] = [];
  readonly entries = new Map<string, { value: string; revision: number }>();
  readonly records: ChainedRecord[] = [];
  #drawn = 0;

  constructor(seed: number) {
    this.#numbers = stream(seed, 'fencing');
  }

  draw(): number {
    return this.#numbers.uniform(this.#drawn++);
  }

  /** @returns whether something was waiting */
  step(): boolean {
    const [next] = this.#waiting.splice(Math.floor(this.draw() * this.#waiting.length), 1);
    next?.();
    return next !== undefined;
  }

  #later<T>(done: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          const answer = done();
          this.#waiting.push(() => resolve(answer));
        } catch (error) {
          this.#waiting.push(() => reject(error));
        }
      });
    });
  }

  backplane(): Backplane {
    const own: Pick<Backplane, 'get' | 'put' | 'chain' | 'restore'> = {
      get: (key) =>
        this.#later(() => {
          const found = this.entries.get(key);
          return found && { key, ...found };
        }),
      put: (key, value, expected) =>
        this.#later(() => {
          const revision = this.entries.get(key)?.revision ?? 0;
          if (revision !== expected) return undefined;
          this.entries.set(key, { value, revision: revision + 1 });
          return revision + 1;
        }),
      chain: (_, from, limit) => this.#later(() => this.records.slice(from - 1, from - 1 + limit)),
      restore: (name, [record]) =>
        this.#later(() => {
          const head = this.records.at(-1) ?? EMPTY;
          if (!record || record.previous !== head.hash) throw differs(name, 'another record came first');
          this.records.push(record);
        }),
    };
    return own as Backplane;
  }
}

/** Leaders that never doubt that they lead, each begun while others are at work. */
async function race(seed: number): Promise<{ readonly fenced: number; readonly steps: number }> {
  const store = new DrawnStore(seed);
  let fenced = 0;
  const lead = async (reign: number): Promise<void> => {
    try {
      const leader = fencedBackplane(store.backplane(), always);
      let entry = await takeOver(leader, reign);
      for (let i = 0; i < 6; i++) entry = await work(leader, reign, entry);
    } catch (error) {
      if (!(error instanceof Fenced)) throw error;
      fenced++;
    }
  };
  const leaders: Promise<void>[] = [];
  for (let turn = 0, idle = 0; idle < 50; turn++) {
    if (leaders.length < 4 && (turn === 0 || store.draw() < 0.06)) leaders.push(lead(leaders.length + 1));
    idle = store.step() || leaders.length < 4 ? 0 : idle + 1;
    for (let i = 0; i < 4; i++) await undefined;
  }
  await Promise.all(leaders);
  const values = store.records.map(
    ({ value }) => JSON.parse(value) as { readonly reign: number; readonly step?: number; readonly led?: number },
  );
  const steps = values.flatMap(({ step }) => step ?? []);
  expect(steps, `seed ${seed}: a step was told twice`).toEqual([...new Set(steps)].sort((a, b) => a - b));
  const begun = values.flatMap(({ led }) => led ?? []);
  expect(begun, `seed ${seed}: a leader began behind the next one`).toEqual([...begun].sort((a, b) => a - b));
  let current = 0;
  for (const { reign, step } of values) {
    if (step === undefined) current = reign;
    else expect(reign, `seed ${seed}: a leader wrote behind the next one`).toBe(current);
  }
  store.records.reduce(
    (head, record) => {
      expect(record, `seed ${seed}: the chain is broken`).toEqual(chained(LOG, head, record.value));
      return record;
    },
    EMPTY as { readonly sequence: number; readonly hash: string },
  );
  return { fenced, steps: steps.length };
}

test('of leaders that race none writes behind the next one, and no step is told twice, for 1,000 seeds', async () => {
  let [fenced, steps] = [0, 0];
  for (let seed = 0; seed < 1000; seed++) {
    const found = await race(seed);
    fenced += found.fenced;
    steps += found.steps;
  }
  expect(fenced).toBeGreaterThan(500);
  expect(steps).toBeGreaterThan(3000);
}, 60_000);
