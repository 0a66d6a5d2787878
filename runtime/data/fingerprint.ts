/** A fingerprint of data, to recognise them later: their lengths and sums of all their values. */
import { crc32 } from 'node:zlib';
import { ofPresent, rowNumbers } from '../support/bounded.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';
import type { DataRecord, Fingerprint } from '../training/data-record.ts';
import { allocate, type Dataset, findField, sizeOf } from './dataset.ts';

const PIECE_BYTES = 1024 * 1024;

/** @param names of the fields that are read */
export function fingerprintOf(dataset: Dataset, names: readonly string[]): Fingerprint {
  const sums = Object.fromEntries([...new Set(names)].map((name) => [name, sumOf(dataset, name)]));
  return { name: dataset.name, samples: dataset.length, sums };
}

function sumOf(dataset: Dataset, name: string): number {
  const field = findField(dataset, name);
  const rows = Math.max(1, Math.min(dataset.length, Math.floor(PIECE_BYTES / (4 * Math.max(1, sizeOf(field))))));
  const buffer = allocate(field, rows);
  let sum = 0;
  for (let from = 0; from < dataset.length; from += rows) {
    const count = Math.min(rows, dataset.length - from);
    const values = buffer.subarray(0, count * sizeOf(field));
    dataset.gather(name, rowNumbers(ofPresent(count), from), values);
    sum = crc32(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), sum);
  }
  return sum;
}

/** @throws UserError `data/changed` where the samples of a training, or the order of their classes, are others now */
export function assertUnchanged(dataset: Dataset, { train, classes = {} }: DataRecord): void {
  assertSameLength(dataset, train);
  for (const [field, names] of Object.entries(classes)) {
    const now = dataset.classes?.[field] ?? [];
    if (now.join('\n') !== names.join('\n'))
      throw changed(
        `${dataset.name}: the classes of \`${field}\` are ${now.slice(0, 10).join(', ') || 'gone'} now; the run began with ${names.slice(0, 10).join(', ')}`,
      );
  }
  assertSameValues(dataset, train);
}

/** @throws UserError `data/changed` where the samples of what is measured are others now */
export function assertSame(dataset: Dataset, before: Fingerprint): void {
  assertSameLength(dataset, before);
  assertSameValues(dataset, before);
}

function assertSameLength({ name, length }: Dataset, { samples }: Fingerprint): void {
  if (length !== samples) throw changed(`${name} has ${length} samples now; the run began with ${samples}`);
}

function assertSameValues(dataset: Dataset, before: Fingerprint): void {
  const { sums } = fingerprintOf(dataset, Object.keys(before.sums));
  const other = Object.keys(sums).find((name) => sums[name] !== before.sums[name]);
  if (other !== undefined)
    throw changed(`${dataset.name}: the values of \`${other}\` have changed since the run began`);
}

function changed(problem: string): UserError {
  const repair = `put the data back as they were, or begin another training: ${nmc`train FILE --weights RUN`}`;
  return new UserError('data/changed', problem, repair);
}
