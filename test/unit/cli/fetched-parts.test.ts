/** A run that is fetched tensor by tensor is the run that it would be as a whole. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetchParts } from '../../../runtime/cli/mesh/fetched-parts.ts';
import { decodeState, encodeState } from '../../../runtime/net/shard-state.ts';
import type { SavedStates } from '../../../runtime/shard/shard.ts';
import { joinTiles, joinTilesLate } from '../../../runtime/shard/tiles.ts';
import { STATE_FOLDER, snapshotPath, writeSnapshot } from '../../../runtime/store/snapshots.ts';
import { ownPath } from '../../../runtime/support/safe-path.ts';
import { hex, sha256 } from '../../../runtime/wire/hash.ts';
import { initialValues } from '../../../spec/initialise.ts';
import type { State } from '../../../spec/program.ts';
import { temporaryFolder } from '../../support/nmc.ts';

const init = { kind: 'uniform', bound: 1 } as const;

/** Of two shards: each has a tensor of its own, and both have half of `t`, by columns. */
const programs = [0, 1].map((shard) => ({
  states: [
    { id: `w${shard}`, shape: [20, 30], role: 'parameter', init },
    {
      id: `t/${shard}`,
      shape: [8, 5],
      role: 'parameter',
      init,
      slice: { of: 't', shape: [8, 10], axis: 1, from: 5 * shard },
    },
    { id: `w${shard}:m`, shape: [20, 30], role: 'optimizer', init },
  ] satisfies State[],
}));

const parts = programs.map(({ states }) => {
  const named = (role: string) =>
    states
      .filter((s) => s.role === role)
      .map((s) => ({ name: s.id, dtype: 'F32' as const, shape: s.shape, data: initialValues(s, 3) }));
  return new Uint8Array(encodeState({ parameters: named('parameter'), auxiliary: named('optimizer') }));
});
const blobs = new Map(parts.map((bytes) => [hex(sha256(bytes)), bytes]));

const link = {
  getBlobInto: async (
    hash: string,
    _most: number,
    open: (bytes: number) => { write(piece: Uint8Array): void; finishAtOnce(flush: () => void): boolean },
  ) => {
    const bytes = blobs.get(hash) ?? new Uint8Array(0);
    const writer = open(bytes.length);
    for (let at = 0; at < bytes.length; at += 1000) writer.write(bytes.subarray(at, at + 1000));
    writer.finishAtOnce(() => undefined);
  },
};

const states = programs.flatMap((p) => p.states);

function snapshotOf(saved: readonly SavedStates[], joined: typeof joinTiles): Buffer {
  const folder = ownPath(temporaryFolder());
  mkdirSync(join(folder, STATE_FOLDER), { recursive: true });
  const position = { epoch: 1, batch: 0, update: 3, finished: false, totals: {} };
  writeSnapshot(folder, {
    ...position,
    parameters: joined(
      saved.flatMap((s) => s.parameters),
      states,
    ),
    auxiliary: joined(
      saved.flatMap((s) => s.auxiliary),
      states,
    ),
  });
  return readFileSync(snapshotPath(folder, 3));
}

test('its snapshot has the same bytes, and its tiles are put together', async () => {
  const parent = temporaryFolder();
  const fetched = await fetchParts(link as never, [...blobs.keys()], programs, ownPath(parent));
  expect(snapshotOf(fetched.states, joinTilesLate).equals(snapshotOf(parts.map(decodeState), joinTiles))).toBe(true);
  const names = joinTilesLate(
    fetched.states.flatMap((s) => s.parameters),
    states,
  ).map((t) => t.name);
  expect(names.sort()).toEqual(['t', 'w0', 'w1']);
  fetched.remove();
  expect(readdirSync(parent)).toEqual([]);
});

test('the data of a tensor are read when they are asked for, and are not kept', async () => {
  const parent = temporaryFolder();
  const { states: saved, remove } = await fetchParts(link as never, [...blobs.keys()], programs, ownPath(parent));
  const [tensor] = saved[0]?.parameters ?? [];
  expect(tensor?.data).toEqual(tensor?.data);
  expect(tensor?.data).not.toBe(tensor?.data);
  remove();
  expect(() => tensor?.data).toThrow(/is not the part of a snapshot/);
});

test('a part that is not of these shards leaves nothing behind', async () => {
  const parent = temporaryFolder();
  const wrong = new Uint8Array(200).fill(32);
  const name = hex(sha256(wrong));
  blobs.set(name, wrong);
  await expect(fetchParts(link as never, [name], programs, ownPath(parent))).rejects.toThrow();
  expect(existsSync(parent) && readdirSync(parent)).toEqual([]);
});
