/**
 * A shard's state that is never in memory as a whole: it is read from the device part by part, once for its hashes and
 * once more for its bytes. The device runs nothing meanwhile, so both readings are of one moment.
 */
import { createHash } from 'node:crypto';
import { type State, sizeOf } from '../../spec/program.ts';
import type { DeviceSession } from '../device/device.ts';
import { PART_ELEMENTS } from '../shard/in-parts.ts';
import { isKept, isParameter, saveStates } from '../shard/shard.ts';
import { inFileOrder, safetensorsHead } from '../store/safetensors.ts';
import { freeNow } from '../support/free-now.ts';
import type { Pieces } from './send-blob.ts';
import { PART_METADATA, partName, STATE_HASH, stateHash, tensorHead } from './shard-state.ts';

/** Of a smaller state copies cost nothing that matters, and are quicker. */
export const LARGE_STATE_BYTES = 16e6;
/** A tensor goes to the connection and to the disk in pieces of this size. */
const PIECE_BYTES = 256 * 1024;

type Readable = Pick<DeviceSession, 'read' | 'readPart'>;

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

interface Entry {
  readonly id: string;
  readonly name: string;
  readonly dtype: 'F32';
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** Of the state: what its owner signs, and the name and length of its part. */
export interface StreamedHashes {
  readonly hash: string;
  readonly blob: string;
  readonly bytes: number;
}

/** Whether it is large enough, and each state of the device one tensor. */
export function isStreamed(states: readonly State[], least = LARGE_STATE_BYTES): boolean {
  const kept = states.filter(isKept);
  const bytes = kept.reduce((sum, s) => sum + FLOAT_BYTES * sizeOf(s.shape), 0);
  return bytes >= least && !kept.some((s) => s.members);
}

export class StreamedState {
  readonly #device: Readable;
  readonly #entries: readonly Entry[];
  readonly #head: Uint8Array;

  /** @returns nothing for states that are small, or that a device keeps together */
  static of(device: Readable, states: readonly State[], least = LARGE_STATE_BYTES): StreamedState | undefined {
    return isStreamed(states, least) ? new StreamedState(device, states.filter(isKept)) : undefined;
  }

  private constructor(device: Readable, kept: readonly State[]) {
    this.#device = device;
    this.#entries = inFileOrder(
      kept.map((state) => ({
        id: state.id,
        name: partName(state.id, isParameter(state)),
        dtype: 'F32' as const,
        shape: [...state.shape],
        byteLength: FLOAT_BYTES * sizeOf(state.shape),
      })),
    );
    this.#head = safetensorsHead(this.#entries, PART_METADATA);
  }

  get bytes(): number {
    return this.#entries.reduce((sum, { byteLength }) => sum + byteLength, this.#head.length);
  }

  /**
   * @param isPart whether it becomes a part: else its `blob` is empty, since a second hash costs as much as the first
   * @returns nothing where the device computes in another precision: such states go another way
   */
  async hashes(isPart = true): Promise<StreamedHashes | undefined> {
    const state = createHash('sha256').update(STATE_HASH);
    const blob = createHash('sha256').update(this.#head);
    for (const entry of this.#entries) {
      state.update(tensorHead(entry));
      for await (const bytes of this.#read(entry)) {
        if (!bytes) return undefined;
        state.update(bytes);
        if (isPart) blob.update(bytes);
        this.#free(bytes);
      }
    }
    return { hash: state.digest('hex'), blob: isPart ? blob.digest('hex') : '', bytes: this.bytes };
  }

  /** Its bytes as those of a part, from the beginning: each piece is there until the next one is asked for. */
  pieces(): Pieces {
    return piecesFrom(this.bytes, this.#tensors());
  }

  async *#tensors(): AsyncGenerator<Uint8Array> {
    yield this.#head;
    for (const entry of this.#entries) {
      for await (const bytes of this.#read(entry)) {
        if (!bytes) throw new Error(`${entry.id} has changed its precision`);
        yield bytes;
        this.#free(bytes);
      }
    }
  }

  /** A part is read for this alone. */
  #free(bytes: Uint8Array): void {
    if (this.#device.readPart) freeNow(bytes);
  }

  /** @returns its bytes in order; one `undefined` where the device computes in another precision */
  async *#read({ id, byteLength }: Entry): AsyncGenerator<Uint8Array | undefined> {
    const elements = byteLength / FLOAT_BYTES;
    const step = this.#device.readPart ? PART_ELEMENTS : Math.max(1, elements);
    let read = 0;
    for (let at = 0; at < elements; at += step) {
      const end = Math.min(elements, at + step);
      const data = await (this.#device.readPart?.(id, at, end) ?? this.#device.read(id));
      if (data instanceof Float64Array) {
        yield undefined;
        return;
      }
      read += data.byteLength;
      yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }
    if (read !== byteLength) throw new Error(`${id} has ${read} bytes, not ${byteLength}`);
  }
}

/** What its owner signs, of states on a device. */
export async function hashOf(device: DeviceSession, states: readonly State[], least?: number): Promise<string> {
  const hashes = await StreamedState.of(device, states, least)?.hashes(false);
  return hashes?.hash ?? stateHash(await saveStates(device, states));
}

function piecesFrom(bytes: number, parts: AsyncGenerator<Uint8Array>): Pieces {
  let part: Uint8Array = new Uint8Array(0);
  return {
    bytes,
    next: async () => {
      while (part.length === 0) {
        const next = await parts.next();
        if (next.done) return undefined;
        part = next.value;
      }
      const piece = part.subarray(0, PIECE_BYTES);
      part = part.subarray(piece.length);
      return piece;
    },
  };
}
