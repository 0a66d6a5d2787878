/**
 * Samples that stay where both lanes can read them: each is copied there with the batch in which it is first seen, and
 * from then on a batch of known samples is a list of their numbers, of which each lane gathers its own half. What would
 * copy batches otherwise runs on the cores that the lanes compute on.
 */
import type { CpuManifest } from '../../../spec/cpu-manifest.ts';
import { sizeOf } from '../../../spec/program.ts';
import type { RunInput } from '../device.ts';
import { ARRAYS, placed } from './slots.ts';

/** Of all samples together: a data set is held a second time for this. */
const MOST_BYTES = 256 * 1024 ** 2;

export type KeptBuffers = Readonly<Record<string, SharedArrayBuffer>>;
/** All samples of each field, one after the other. */
export type KeptFields = Readonly<Record<string, RunInput>>;

/** @returns memory for so many samples, of which nothing is used yet; nothing where they are too large to hold twice */
export function roomForSamples({ fields }: CpuManifest, samples: number): KeptBuffers | undefined {
  const sizes = fields.map(({ type, shape }) => samples * sizeOf(shape.slice(1)) * ARRAYS[type].BYTES_PER_ELEMENT);
  if (sizes.reduce((a, b) => a + b, 0) > MOST_BYTES) return undefined;
  return Object.fromEntries(fields.map(({ field }, i) => [field, new SharedArrayBuffer(sizes[i] ?? 0)]));
}

export function keptFields({ fields }: CpuManifest, buffers: KeptBuffers): KeptFields {
  return Object.fromEntries(
    fields.flatMap(({ field, type }) => {
      const buffer = buffers[field];
      return buffer ? [[field, placed(type, buffer, 0, buffer.byteLength / ARRAYS[type].BYTES_PER_ELEMENT)]] : [];
    }),
  );
}

/** Puts the samples of a batch where they stay. @param batch as `DeviceSession.run` takes them */
export function keepBatch(kept: KeptFields, rows: Uint32Array, batch: Readonly<Record<string, RunInput>>): void {
  const runs = runsOf(rows);
  for (const [field, all] of Object.entries(kept)) {
    const data = batch[field];
    const width = (data?.length ?? 0) / rows.length;
    if (!data || !Number.isInteger(width)) throw new Error(`train wants ${rows.length} samples of ${field}`);
    for (const { first, at, count } of runs) all.set(data.subarray(at * width, (at + count) * width), first * width);
  }
}

/** Gathers samples. @param rows their numbers, as many as there is room in `into` */
export function takeSamples(kept: KeptFields, rows: Uint32Array, into: Readonly<Record<string, RunInput>>): void {
  const runs = runsOf(rows);
  for (const [field, place] of Object.entries(into)) {
    const all = kept[field];
    const width = place.length / rows.length;
    if (!all) continue;
    for (const { first, at, count } of runs)
      place.set(all.subarray(first * width, (first + count) * width), at * width);
  }
}

/** Samples that follow each other in the data set and in the batch: they are copied at once. */
interface RowRun {
  readonly first: number;
  /** Where the first lies in the batch. */
  readonly at: number;
  count: number;
}

function runsOf(rows: Uint32Array): RowRun[] {
  const runs: RowRun[] = [];
  let last: RowRun | undefined;
  for (let at = 0; at < rows.length; at++) {
    const first = rows[at] as number;
    if (last && first === last.first + last.count) last.count++;
    else {
      last = { first, at, count: 1 };
      runs.push(last);
    }
  }
  return runs;
}
