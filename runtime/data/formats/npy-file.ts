/** A large NPY file as a data set: rows are read from the disk when they are wanted. */
import { closeSync, fstatSync } from 'node:fs';
import { endianness } from 'node:os';
import { readAt } from '../../support/atomic.ts';
import { boundedCount, rowNumbers } from '../../support/bounded.ts';
import { openForReading } from '../../support/safe-files.ts';
import {
  allocate,
  checkGather,
  type Dataset,
  type Field,
  type FieldArray,
  type FieldType,
  sizeOf,
} from '../dataset.ts';
import { MAX_BYTES } from './bytes.ts';
import { isNpy, parseHeader } from './npy.ts';
import { convert, sameLayout } from './table.ts';

/** A smaller file is read whole. */
const LARGE_FILE_BYTES = 256e6;
/** No header that numpy writes is longer. */
const HEADER_BYTES = 128 * 1024;
const SCAN_BYTES = 1024 * 1024;

/** Elements that lie in the file as a field has them, on a machine of this byte order. */
const AS_THEY_ARE: Readonly<Record<string, FieldType>> = { '|u1': 'u8', '|b1': 'u8', '<i4': 'i32', '<f4': 'f32' };

/**
 * @param wanted its only field
 * @returns nothing for a file that is small, or has to be converted, or is damaged: then it is read whole
 * @throws UserError `data/format` for a number that is not finite, or that devices would round
 */
export function openNpyFile(path: string, wanted: Field, least = LARGE_FILE_BYTES): Dataset | undefined {
  const descriptor = openForReading(path);
  const dataset = datasetOf(path, descriptor, wanted, least);
  // Else it is open as long as the process: its rows are read to the end.
  if (!dataset) closeSync(descriptor);
  else if (wanted.type !== 'u8') assertExact(path, dataset, wanted);
  return dataset;
}

function datasetOf(path: string, descriptor: number, wanted: Field, least: number): Dataset | undefined {
  const { size } = fstatSync(descriptor);
  if (size < Math.max(16, least) || size > MAX_BYTES || endianness() !== 'LE') return undefined;
  const bytes = readAt(descriptor, 0, Math.min(size, HEADER_BYTES));
  if (!isNpy(bytes)) return undefined;
  const { descr, fortran, sizes, start } = parseHeader(path, bytes);
  const [length = 0, ...shape] = sizes;
  const rowBytes = sizeOf(wanted) * allocate(wanted, 0).BYTES_PER_ELEMENT;
  const isPlain = !fortran && AS_THEY_ARE[descr] === wanted.type && sameLayout(shape, wanted.shape);
  if (!isPlain || length === 0 || size !== start + length * rowBytes) return undefined;
  const gather = (_name: string, rows: ArrayLike<number>, out: FieldArray): void => {
    checkGather(wanted, rows.length, out);
    const into = Buffer.from(out.buffer, out.byteOffset, out.byteLength);
    for (const { from, to, count } of runsOf(rows, length)) {
      const found = readAt(descriptor, start + from * rowBytes, count * rowBytes);
      if (found.length !== count * rowBytes) throw new Error(`${path} has become shorter`);
      into.set(found, to * rowBytes);
    }
  };
  return { name: path, origin: path, length, fields: [wanted], gather };
}

interface Run {
  readonly from: number;
  /** Place among the rows that were asked for. */
  readonly to: number;
  readonly count: number;
}

/** Rows that follow each other in the file as well. */
function* runsOf(rows: ArrayLike<number>, length: number): Generator<Run> {
  for (let to = 0; to < rows.length; ) {
    const from = rows[to] as number;
    if (!(from >= 0 && from < length)) throw new RangeError(`row ${from} of ${length}`);
    let count = 1;
    while (to + count < rows.length && rows[to + count] === from + count && from + count < length) count++;
    yield { from, to, count };
    to += count;
  }
}

/** Once through the file: numbers that a small file would be refused for are in no large one. */
function assertExact(path: string, dataset: Dataset, field: Field): void {
  const step = Math.max(1, Math.floor(SCAN_BYTES / (4 * sizeOf(field))));
  for (let from = 0; from < dataset.length; from += step) {
    const count = Math.min(step, dataset.length - from);
    const values = allocate(field, count);
    dataset.gather(field.name, rowNumbers(boundedCount(count, step, path), from), values);
    convert(values, field, (i) => [path, `row ${from + Math.floor(i / sizeOf(field)) + 1} of ${dataset.length}`]);
  }
}
