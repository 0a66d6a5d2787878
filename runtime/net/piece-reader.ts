/** A part of a snapshot as it is read in pieces: its head, and what follows in the lengths that are asked for. */
import { createHash } from 'node:crypto';
import type { BlobSource } from '../backplane/backplane.ts';
import { parseHeader, type TensorEntry } from '../store/safetensors-header.ts';
import { type BoundedCount, boundedCount, zeroedBytes } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';

/** The tensors of a part, which follow. @param most bytes of the head @returns nothing where it is no such file */
export async function headOf(pieces: PieceReader, most: number): Promise<readonly TensorEntry[] | undefined> {
  const length = await pieces.take(boundedCount(8, 8, 'the length of a head'));
  if (!length) return undefined;
  const headBytes = Number(new DataView(length.buffer, length.byteOffset).getBigUint64(0, true));
  if (headBytes > most || headBytes > pieces.bytes) return undefined;
  const head = await pieces.take(boundedCount(headBytes, most, 'the head of a part'));
  if (!head) return undefined;
  try {
    return parseHeader(head, pieces.bytes - 8 - headBytes, corrupt, 'a part').entries;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function corrupt(place: string, expectation: string): UserError {
  return new UserError('weights/corrupt', `${place}: ${expectation}`);
}

/** A blob from its beginning, in pieces of the lengths that are asked for. */
export class PieceReader {
  readonly #source: BlobSource;
  #rest: Uint8Array = new Uint8Array(0);

  readonly #hash = createHash('sha256');

  constructor(source: BlobSource) {
    this.#source = source;
  }

  get bytes(): number {
    return this.#source.bytes;
  }

  /** Reads to the end. */
  async hashOfAll(): Promise<string> {
    for (let next = await this.#next(); next; next = await this.#next());
    return this.#hash.digest('hex');
  }

  async #next(): Promise<Uint8Array | undefined> {
    const piece = await this.#source.next();
    if (piece) this.#hash.update(piece);
    return piece;
  }

  /** @returns nothing where it ends before */
  async take(length: BoundedCount): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const whole = zeroedBytes(length);
    let at = 0;
    const enough = await this.each(length, (piece) => {
      whole.set(piece, at);
      at += piece.length;
    });
    return enough ? whole : undefined;
  }

  async each(length: number, tell: (piece: Uint8Array) => void): Promise<boolean> {
    let left = length;
    while (left > 0) {
      if (this.#rest.length === 0) {
        const next = await this.#next();
        if (!next) return false;
        this.#rest = next;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      tell(piece);
    }
    return true;
  }
}
