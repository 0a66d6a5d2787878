/** What has to hold of runs of a mesh in NATS, whatever became of its servers and synchronizers meanwhile. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { natsBackplane } from '../../../runtime/backplane/nats.ts';
import { FORGOTTEN } from '../../../runtime/backplane/own-keys.ts';
import { openStreamCopy } from '../../../runtime/backplane/stream-copy.ts';
import { verifyStreams } from '../../../runtime/backplane/verify-streams.ts';
import { COPY_FOLDER } from '../../../runtime/cli/mesh/state-folder.ts';
import type { JsonLine } from '../nmc.ts';
import { waitUntil } from '../wait-for.ts';

/** Values that grow from one event of this kind to the next: none is there twice. */
export function assertOnce(log: readonly JsonLine[], event: string, field: string): void {
  const values = valuesOf(log, event, field);
  expect(values, event).toEqual([...new Set(values)].sort((a, b) => a - b));
}

export function valuesOf(log: readonly JsonLine[], event: string, field: string): number[] {
  return log.flatMap((e) => (e.event === event ? [Number(e[field])] : []));
}

/** Of the log of a run that has ended: nothing is there twice, and it never began again behind its newest snapshot. */
export function assertSoundLog(log: readonly JsonLine[]): void {
  assertOnce(log, 'led', 'reign');
  assertOnce(log, 'epoch', 'epoch');
  assertOnce(log, 'manifest', 'calls');
  assertOnce(log, 'epoch-of-owners', 'epoch');
  expect(log.filter(({ event }) => event === 'done')).toHaveLength(1);
  let newest = 0;
  for (const { event, calls } of log) {
    if (event === 'running') expect(Number(calls), 'a run that goes on').toBeGreaterThanOrEqual(newest);
    if (event === 'manifest') newest = Number(calls);
  }
}

/**
 * By the records that trainers keep: in no term a shard had two of them.
 * @param trainers folders of their states
 */
export function assertOneOwner(trainers: readonly string[], run: string): void {
  const owners = new Map<string, string>();
  for (const { trainer, shard, term } of recordsOf(trainers, run)) {
    const held = `shard ${shard} in term ${term}`;
    expect(owners.get(held) ?? trainer, held).toBe(trainer);
    owners.set(held, trainer);
  }
  expect(owners.size).toBeGreaterThan(0);
}

/** @returns how many calls of a run came before the last stretch that a trainer has begun to record */
export function recordedCalls(trainers: readonly string[], run: string): number {
  return Math.max(0, ...recordsOf(trainers, run).map(({ from }) => from));
}

interface KeptRecord {
  readonly trainer: string;
  readonly shard: string;
  readonly term: string;
  readonly from: number;
}

function recordsOf(trainers: readonly string[], run: string): KeptRecord[] {
  return trainers.flatMap((trainer) => {
    const folder = join(trainer, 'records', run);
    return (existsSync(folder) ? readdirSync(folder) : []).flatMap((name) => {
      const [, shard, term, from] = /^(\d+)-(\d+)-(\d+)\.rec$/.exec(name) ?? [];
      return shard === undefined || term === undefined ? [] : [{ trainer, shard, term, from: Number(from) }];
    });
  });
}

/**
 * Every record of every stream, by its chain, is the same in NATS and in the copies of all synchronizers.
 * @param states folders of the synchronizers
 * @returns how many records there are
 */
export async function assertSameCopies(
  servers: readonly string[],
  states: readonly string[],
  look: string,
): Promise<number> {
  const store = await natsBackplane({ servers, folder: look, acceptOlder: true });
  const copies = states.map((state) => openStreamCopy(join(state, COPY_FOLDER)));
  try {
    const streams = await store.streams();
    for (const stream of streams)
      await waitUntil(
        `whole copy of ${stream}`,
        async () => {
          const ends = copies.map((copy) => copy.head(stream).sequence);
          return (await store.chain(stream, Math.max(1, ...ends) + 1, 1)).length === 0 && new Set(ends).size === 1;
        },
        { within: 180_000, every: 500 },
      );
    const named = [{ name: 'nats', reader: store }, ...copies.map((reader, i) => ({ name: `copy ${i}`, reader }))];
    const forgotten = async (stream: string): Promise<number> =>
      Number((await store.get(FORGOTTEN + stream))?.value ?? 0);
    const { records, differences } = await verifyStreams(named, forgotten);
    expect(differences).toEqual([]);
    expect(copies.flatMap((copy) => copy.broken())).toEqual([]);
    return records;
  } finally {
    for (const copy of copies) copy.close();
    await store.close();
  }
}
