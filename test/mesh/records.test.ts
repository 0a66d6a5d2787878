/** Records on the disk: which are kept, what a restart finds, and a shard that waits for the disk. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { maxPendingBytes } from '../../runtime/net/records/pending.ts';
import { RecordStore } from '../../runtime/net/records/record-store.ts';
import { StretchLog } from '../../runtime/net/records/stretch-log.ts';
import { shardNeeds, sumOfNeeds } from '../../runtime/net/shard-memory.ts';
import { stateHash } from '../../runtime/net/shard-state.ts';
import { ownPath } from '../../runtime/support/safe-path.ts';
import type { Deployment } from '../../runtime/wire/deployment.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { tinyDeployment, tinyPlan } from './hostile/tiny-deployment.ts';
import { chain } from './simulated.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-records-'));
afterAll(() => removeFolder(folder));

const deployment = { ...chain(2, 10, 1, 100), stretches: { batches: 1, bytes: 2 ** 30, keep: 1 } };
const tensor = { name: 'w', dtype: 'F32', shape: [25_000], data: new Float32Array(25_000) } as const;
const state = { parameters: [tensor], auxiliary: [] };
const hash = stateHash(state);
const signed = (calls: number) => ({ calls, hash, sig: 'a'.repeat(128) });
const beyond = { owners: {}, local: [] };
const device = { kind: 'reference', description: '', version: '', processor: '', alone: false };

function logIn(store: RecordStore, news: () => void = () => undefined): StretchLog {
  const place = { deployment, deploymentHash: hash, shard: 0, owner: 'x', device };
  return new StretchLog({ ...place, folder: store, news });
}

/** Stretches of one batch each. */
function train(log: StretchLog, from: number, to: number): void {
  if (from === 0) {
    log.restart(1, 0);
    log.begin({ calls: 0, hash, totals: {} }, state);
  }
  for (let calls = from + 1; calls <= to; calls++) {
    log.end(calls, signed(calls), {}, beyond);
    log.begin({ calls, hash, signed: signed(calls), totals: {} }, state);
  }
}

test('the oldest records are removed when all take more room than allowed, and the newest stays', async () => {
  const home = ownPath(folder, 'bounded');
  const store = new RecordStore(home);
  store.allow(350_000);
  const log = logIn(store);
  train(log, 0, 6);
  await log.close();
  const names = (): string[] => readdirSync(join(home, deployment.run)).sort();
  // Each has a state of 100,000 bytes. What was not complete is gone.
  expect(names()).toEqual(['0-1-3.rec', '0-1-4.rec', '0-1-5.rec']);
  expect(store.paths.map((path) => path.slice(-9))).toEqual(names());

  const stretch = { run: deployment.run, shard: 0, term: 1, from: 4 };
  expect(store.find(stretch)).toBe(join(home, deployment.run, '0-1-4.rec'));
  for (const other of [{ from: 2 }, { term: 2 }, { shard: 1 }, { run: 'other' }])
    expect(store.find({ ...stretch, ...other })).toBeUndefined();

  writeFileSync(join(home, deployment.run, '0-1-6.open'), 'x');
  const again = new RecordStore(home);
  expect(names()).toEqual(['0-1-3.rec', '0-1-4.rec', '0-1-5.rec']);
  again.allow(1);
  const next = logIn(again);
  next.restart(2, 6);
  next.begin({ calls: 6, hash, totals: {} }, state);
  next.end(7, signed(7), {}, beyond);
  await next.close();
  expect(names()).toEqual(['0-2-6.rec']);
});

test('a shard waits while the disk is full, and says for what; older records are removed first', async () => {
  const home = ownPath(folder, 'full');
  mkdirSync(home);
  let free = 1e12;
  const store = new RecordStore(home, () => free);
  store.allow(1e9);
  let news = 0;
  const log = logIn(store, () => news++);
  train(log, 0, 3);
  const rec = (from: number): boolean => existsSync(join(home, deployment.run, `0-1-${from}.rec`));
  // A file has its name a moment before the store knows of it.
  await vi.waitUntil(() => rec(0) && rec(1) && rec(2) && store.paths.length === 3, { interval: 1 });
  expect(log.waits).toBeUndefined();
  free = 0;
  train(log, 3, 4);
  await vi.waitUntil(() => log.waits !== undefined, { interval: 1 });
  expect(log.waits).toContain('room for the record of its stretch: the disk has 0 B left');
  expect([rec(0), rec(1), rec(2), rec(3)]).toEqual([false, false, true, false]);
  free = 1e12;
  await vi.waitUntil(() => log.waits === undefined, { interval: 1 });
  expect(news).toBeGreaterThan(0);
  await log.close();
  expect([rec(2), rec(3)]).toEqual([true, true]);
});

test('a shard that is closed while the disk is full gives up the records that are not written', async () => {
  const home = ownPath(folder, 'leaving');
  mkdirSync(home);
  const log = logIn(new RecordStore(home, () => 0));
  train(log, 0, 2);
  await vi.waitUntil(() => log.waits !== undefined, { interval: 1 });
  await log.close();
  expect(readdirSync(join(home, deployment.run))).toEqual([]);
});

test('frames of a stretch count as many bytes as two of it have, within bounds', () => {
  const sends = (bytes: number) => [{ sends: [{ to: 1, bytes, frames: 1, hops: 1 }] }, { sends: [] }];
  const stretches = { batches: 10, bytes: 2 ** 31, keep: 2 ** 32 };
  const megabytes = (bytes: number): number => maxPendingBytes({ stretches, needs: sends(bytes) }, 1) / 2 ** 20;
  // A tiny shard is counted two blocks, a large one no more than the disk is behind.
  expect(megabytes(100)).toBe(2);
  expect(megabytes(2 ** 18)).toBeCloseTo(5, 1);
  expect(megabytes(2 ** 24)).toBe(32);
  // The sender keeps headers alone; of an older deployment nothing is known.
  expect(maxPendingBytes({ stretches, needs: sends(2 ** 24) }, 0)).toBe(2 * 2 ** 20);
  expect(maxPendingBytes({ stretches, needs: [{}, {}] }, 1)).toBe(32 * 2 ** 20);
  expect(maxPendingBytes({ needs: sends(2 ** 24) }, 1)).toBe(0);
});

test.each([
  ['small', 1000],
  ['long', 2 ** 30],
] as const)('frames of a %s stretch that wait for the disk are no more than a trainer counts', async (_, bytes) => {
  const store = new RecordStore(ownPath(folder, `pending-${bytes}`));
  const own = { ...deployment, stretches: { ...deployment.stretches, bytes } };
  const place = { deployment: own, deploymentHash: hash, shard: 0, owner: 'x', device };
  const log = new StretchLog({ ...place, folder: store, news: () => undefined });
  log.restart(1, 0);
  log.begin({ calls: 0, hash, totals: {} }, state);
  const packet = new Uint8Array(2 ** 20);
  let taken = 0;
  // The disk takes nothing before this thread waits for something.
  for (; log.waits === undefined && taken < 2 ** 28; taken += packet.length) log.taken(0, 1, packet);
  expect(log.waits).toBe('the disk to take the record of its stretch');
  const { schedules, programs } = tinyPlan();
  const [schedule, program] = [schedules[0], programs[0]];
  if (!schedule || !program) throw new Error('no shard');
  const counted = (stretches: Partial<Pick<Deployment, 'stretches'>>): number =>
    sumOfNeeds(
      shardNeeds({ ...tinyDeployment().deployment, ...stretches }, 0, { schedule, states: program.states, memory: 0 }),
    );
  // The state that the stretch begins from is counted with the snapshots.
  const room = counted({ stretches: own.stretches }) - counted({}) + 100_000;
  expect(taken - packet.length).toBeLessThanOrEqual(room);
  expect(taken + packet.length).toBeGreaterThan(room);
  await log.close();
});
