/** Columns on the disk give the rows that they give in memory, and only the parts that are wanted come. */
import { expect, test } from 'vitest';
import { verifyForeign } from '../../runtime/cli/planning/verify-foreign.ts';
import { memoryDataset } from '../../runtime/data/dataset.ts';
import { Ahead } from '../../runtime/net/bring-ahead.ts';
import {
  bytesOf as columnBytes,
  DiskColumn,
  isHeld,
  type PartsPort,
  withDisk,
} from '../../runtime/net/disk-columns.ts';
import { datasetOf, openShardData } from '../../runtime/net/shard-data.ts';
import { planInMemory } from '../../runtime/plan/plan-memory.ts';
import { verifyPlan } from '../../runtime/plan/verify-plan.ts';
import type { DataRef } from '../../runtime/wire/deployment.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import { tinyDeployment } from './hostile/tiny-deployment.ts';

const ROWS = 40;
const SIZE = 7;
const all = Float32Array.from({ length: ROWS * SIZE }, (_, i) => Math.sin(i));
const bytes = new Uint8Array(all.buffer);

/** Parts that end within rows: a stranger may cut them anywhere. */
function cut(lengths: readonly number[]) {
  const blobs = new Map<string, Uint8Array>();
  let at = 0;
  const refs = lengths.map((length) => {
    const part = bytes.subarray(at, at + length);
    at += length;
    const blob = hex(sha256(part));
    blobs.set(blob, part);
    return { blob, bytes: part.length };
  });
  const columns = [{ name: 'x', type: 'f32' as const, shape: [SIZE], blobs: refs }];
  return { ref: { name: 'made', length: ROWS, columns } satisfies DataRef, blobs };
}

function disk(blobs: ReadonlyMap<string, Uint8Array>) {
  const here = new Map<string, Uint8Array>();
  const ports: PartsPort = {
    bring: async ({ blob }) => void here.set(blob, blobs.get(blob) ?? new Uint8Array(0)),
    read: (blob, reads) => {
      const part = here.get(blob);
      for (const { at, into } of reads) into.set(part?.subarray(at, at + into.length) ?? []);
      return part !== undefined;
    },
  };
  return { here, ports };
}

test.each([[[1120]], [[28, 560, 532]], [[5, 500, 400, 3, 0, 212]], [[300, 1, 1, 1, 817]]])(
  'rows read in parts of %j bytes are those of the whole',
  async (lengths) => {
    const { ref, blobs } = cut(lengths);
    const whole = await datasetOf(ref, ['x'], async (hash) => blobs.get(hash) ?? new Uint8Array(0));
    const { ports } = disk(blobs);
    const column = new DiskColumn(ref, ref.columns[0] as never, ports);
    const parted = withDisk(memoryDataset('made', 'made', []), new Map([['x', column]]));
    const rows = [3, 39, 0, 20, 20, 21, 1];
    await column.bring(rows);
    const [a, b] = [new Float32Array(rows.length * SIZE), new Float32Array(rows.length * SIZE)];
    whole.gather('x', rows, a);
    parted.gather('x', rows, b);
    expect(b).toEqual(a);
  },
);

test('a shard reads the same batches, evaluations and answers from the disk as from memory', async () => {
  const { deployment, blobs } = tinyDeployment();
  const files = new Map(deployment.plan.map(({ path, blob }) => [path, blobs.get(blob) ?? new Uint8Array(0)]));
  const [schedule] = verifyPlan(planInMemory('it', files), verifyForeign).schedules;
  const all = new Map(blobs);
  const varied = (ref: DataRef): DataRef => ({
    ...ref,
    columns: ref.columns.map((column) => {
      const value = (i: number): number => (column.name === 'image' ? i % 251 : (i % 4 === 0 ? 1 : 0) * (i % 10));
      const whole = Uint8Array.from({ length: columnBytes(column) }, (_, i) => value(i));
      const pieces = [whole.subarray(0, whole.length / 2 + 1), whole.subarray(whole.length / 2 + 1)];
      for (const piece of pieces) all.set(hex(sha256(piece)), piece);
      return { ...column, blobs: pieces.map((piece) => ({ blob: hex(sha256(piece)), bytes: piece.length })) };
    }),
  });
  const changed = { ...deployment, train: varied(deployment.train), checks: deployment.checks.map(varied) };
  const blob = async (hash: string): Promise<Uint8Array> => all.get(hash) ?? new Uint8Array(0);
  const { here, ports } = disk(all);
  const held = await openShardData(changed, schedule as never, blob);
  const late = await openShardData(changed, schedule as never, blob, { ...ports, held: 0 });
  expect(here.size).toBe(0);
  const train = { kind: 'train', epoch: 0, batch: 0 } as const;
  const evaluate = { kind: 'evaluate', evaluation: 0, batch: 0, epoch: 0 } as const;
  for (const call of [train, evaluate] as const) {
    expect(held.ready(call)).toBeUndefined();
    await late.ready(call);
    expect(late.inputs(call)).toEqual(held.inputs(call));
  }
  expect(late.answers(evaluate)).toEqual(held.answers(evaluate));
  expect(here.size).toBeGreaterThan(0);
});

test('only parts with wanted rows are brought, and no row of another part is read', async () => {
  const { ref, blobs } = cut([280, 280, 280, 280]);
  const { here, ports } = disk(blobs);
  const column = new DiskColumn(ref, ref.columns[0] as never, ports);
  await column.bring([1, 5, 9, 31]);
  expect([...here.keys()]).toEqual([ref.columns[0]?.blobs[0]?.blob, ref.columns[0]?.blobs[3]?.blob]);
  expect(() => column.gather([12])).toThrow('is not here');
  expect(() => column.gather([40])).toThrow();
});

test('a column that is not as long as its rows is refused before any part is brought', () => {
  const { ref, blobs } = cut([280, 280, 280, 279]);
  const { ports } = disk(blobs);
  expect(() => new DiskColumn(ref, ref.columns[0] as never, ports)).toThrow('shorter than its rows');
});

test('a column of more than 64 MB stays on the disk, and a smaller one is held in memory', () => {
  const column = (length: number) => ({
    name: 'x',
    type: 'u8' as const,
    shape: [],
    blobs: [{ blob: '', bytes: length }],
  });
  expect([64e6, 64e6 + 1].map((length) => isHeld(column(length)))).toEqual([true, false]);
});

test('each of the next batches is brought once, and none beyond the epoch', async () => {
  const brought: number[] = [];
  const ahead = new Ahead(async (epoch, batch) => void brought.push(100 * epoch + batch), 7);
  for (const [epoch, batch] of [
    [0, 0],
    [0, 1],
    [0, 2],
    [0, 6],
    [1, 0],
  ] as const) {
    await ahead.bring(epoch, batch);
    await new Promise(setImmediate);
  }
  // Each when it is wanted, and before that with the batches behind it.
  expect(brought).toEqual([0, 1, 2, 3, 4, 1, 5, 2, 6, 6, 100, 101, 102, 103, 104]);
});
