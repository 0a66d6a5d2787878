/**
 * Columns that are too large for memory: their parts come one by one when rows of them are wanted, lie on the disk, and are
 * read row by row.
 */
import type { BlobRead } from '../backplane/blob-files.ts';
import { allocate, type Dataset, type Field, type FieldArray, sizeOf } from '../data/dataset.ts';
import { boundedCount } from '../support/bounded.ts';
import type { BlobRef, ColumnRef, DataRef } from '../wire/deployment.ts';
import { ELEMENT_BYTES } from '../wire/deployment.ts';

/** Bytes of a column that is kept in memory: a larger one stays on the disk. */
export const MAX_HELD_COLUMN_BYTES = 64e6;

/** Blobs on the disk of this machine. */
export interface PartsPort {
  /** Bytes of a column that is kept in memory, where it is not as many as usual. */
  readonly held?: number;
  /** Resolved when the blob lies there, undamaged. */
  readonly bring: (part: BlobRef) => Promise<void>;
  /** @returns whether it lay there, with all of these bytes */
  readonly read: (blob: string, reads: readonly BlobRead[]) => boolean;
}

export function isHeld(column: ColumnRef, most = MAX_HELD_COLUMN_BYTES): boolean {
  return bytesOf(column) <= most;
}

export function bytesOf({ blobs }: ColumnRef): number {
  return blobs.reduce((sum, b) => sum + b.bytes, 0);
}

export class DiskColumn {
  readonly field: Field;
  readonly #column: ColumnRef;
  readonly #ports: PartsPort;
  readonly #rowBytes: number;
  /** Where each part begins in the column. */
  readonly #begins: readonly number[];
  readonly #length: number;

  /** @throws Error where its blobs are not as long as its rows */
  constructor(ref: DataRef, column: ColumnRef, ports: PartsPort) {
    const { name, type, shape, blobs } = column;
    this.field = { name, type, shape };
    this.#column = column;
    this.#ports = ports;
    this.#length = ref.length;
    this.#rowBytes = sizeOf(this.field) * ELEMENT_BYTES[type];
    const begins: number[] = [];
    let end = 0;
    for (const { bytes } of blobs) {
      begins.push(end);
      end += bytes;
    }
    this.#begins = begins;
    const wanted = ref.length * this.#rowBytes;
    if (end !== wanted)
      throw new Error(`column ${name} of ${ref.name} is ${end < wanted ? 'shorter' : 'longer'} than its rows`);
  }

  /** Brings what these rows lie in, one part after the other. */
  async bring(rows: ArrayLike<number>): Promise<void> {
    for (const part of this.#readsOf(rows, undefined).keys()) await this.#ports.bring(this.#part(part));
  }

  /** @throws Error where a part has not been brought */
  gather(rows: ArrayLike<number>): FieldArray {
    const out = allocate(this.field, rows.length);
    const bytes = new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
    for (const [part, reads] of this.#readsOf(rows, bytes)) {
      const { blob } = this.#part(part);
      if (!this.#ports.read(blob, reads)) throw new Error(`blob ${blob} of column ${this.field.name} is not here`);
    }
    return out;
  }

  #part(i: number): BlobRef {
    return this.#column.blobs[i] as BlobRef;
  }

  /** What is read of each part, in the order in which rows ask for them. */
  #readsOf(rows: ArrayLike<number>, into: Uint8Array | undefined): Map<number, BlobRead[]> {
    const reads = new Map<number, BlobRead[]>();
    const size = this.#rowBytes;
    for (let k = 0; k < rows.length; k++) {
      const row = boundedCount(rows[k] as number, this.#length - 1, 'a row');
      let [at, filled] = [row * size, 0];
      for (let part = this.#partAt(at); filled < size; part++) {
        const begin = this.#begins[part] as number;
        const count = Math.min(size - filled, begin + this.#part(part).bytes - at);
        const known = reads.get(part) ?? [];
        reads.set(part, known);
        if (into && count > 0)
          known.push({ at: at - begin, into: into.subarray(k * size + filled, k * size + filled + count) });
        at += count;
        filled += count;
      }
    }
    return reads;
  }

  /** The last part that begins there or before. */
  #partAt(place: number): number {
    let [low, high] = [0, this.#begins.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#begins[middle] as number) <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** A data set of columns in memory and on the disk. */
export function withDisk(dataset: Dataset, columns: ReadonlyMap<string, DiskColumn>): Dataset {
  if (columns.size === 0) return dataset;
  return {
    ...dataset,
    fields: [...dataset.fields, ...[...columns.values()].map((c) => c.field)],
    gather: (name, rows, out) => {
      const column = columns.get(name);
      if (column) out.set(column.gather(rows) as never);
      else dataset.gather(name, rows, out);
    },
  };
}
