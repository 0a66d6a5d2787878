/**
 * Which frames the ticks of one call have read of a neighbour (schedule `async`; spec/wire.md, 5), as the reader tells
 * the sender and keeps it in its record. What goes over the slots is signed by that alone. Pure.
 */
import { listOf, ofPresent, zeroedBytes } from '../support/bounded.ts';
import type { FrameKey } from '../training/frame.ts';
import type { TicksRead } from '../training/free-ticks.ts';
import { sha256 } from './hash.ts';

/** By message and microbatch. Nothing: it cannot be said, as where owners have changed within the call. */
export type Reads = readonly TicksRead[] | undefined;

const NUMBER = 4;
const LEAF = Uint8Array.of(0);
const DOMAIN = new TextEncoder().encode('nmc/reads/1\n');

/** Message, microbatch, number of ticks, and for each tick that of the frame that it read; 4 bytes each. */
export function encodeReads(reads: Reads): Uint8Array {
  const numbers = (reads ?? []).flatMap(({ message, microbatch, taken }) => [
    ...[message, microbatch, taken.length],
    ...taken,
  ]);
  const bytes = zeroedBytes(ofPresent(numbers.length * NUMBER));
  const view = new DataView(bytes.buffer);
  numbers.forEach((n, i) => {
    view.setUint32(i * NUMBER, n, true);
  });
  return bytes;
}

/** @returns `unsound` for what no reader tells */
export function decodeReads(bytes: Uint8Array): Reads | 'unsound' {
  if (bytes.length === 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / NUMBER;
  const reads: TicksRead[] = [];
  for (let at = 0; at < count; ) {
    if (at + 3 > count) return 'unsound';
    const [message, microbatch, ticks] = [0, 1, 2].map((i) => view.getUint32((at + i) * NUMBER, true)) as [
      number,
      number,
      number,
    ];
    at += 3;
    if (ticks === 0 || at + ticks > count) return 'unsound';
    const from = at;
    const taken = listOf(ofPresent(ticks), (i) => view.getUint32((from + i) * NUMBER, true));
    reads.push({ message, microbatch, taken });
    at += ticks;
  }
  return reads.every((read, i) => i === 0 || isBefore(reads[i - 1] as TicksRead, read)) ? reads : 'unsound';
}

function isBefore(a: Omit<TicksRead, 'taken'>, b: Omit<TicksRead, 'taken'>): boolean {
  return a.message < b.message || (a.message === b.message && a.microbatch < b.microbatch);
}

export interface ReadBounds {
  readonly staleness: number;
  /** How often in a call a message comes; nothing for what is not read so. */
  readonly repeatOf: (message: number) => number | undefined;
  readonly microbatches: number;
}

/** @returns why ticks cannot have read so; nothing where they can */
export function readsProblem(reads: Reads, { staleness, repeatOf, microbatches }: ReadBounds): string | undefined {
  for (const { message, microbatch, taken } of reads ?? []) {
    const repeat = repeatOf(message);
    if (repeat === undefined || microbatch >= microbatches) return `message ${message} is not read so`;
    if (taken.length !== repeat) return `message ${message} is read in ${repeat} ticks, not in ${taken.length}`;
    const wrong = taken.findIndex(
      (of, tick) =>
        of >= repeat || of < tick - staleness || of < (taken[tick - 1] ?? 0) || (staleness === 0 && of !== tick),
    );
    if (wrong >= 0) return `tick ${wrong} cannot have read message ${message} of tick ${taken[wrong]}`;
  }
  return undefined;
}

/** Frames that were read and went over the slots, each once: those of tick 0 travel exactly once. */
export function framesRead(reads: Reads): Omit<FrameKey, 'callIndex'>[] {
  return (reads ?? []).flatMap(({ message, microbatch, taken }) =>
    [...new Set(taken)].filter((tick) => tick > 0).map((tick) => ({ message, microbatch, tick })),
  );
}

/** What was read, among the leaves of a window. @param payload as it was told */
export function leafOfReads(payload: Uint8Array): Uint8Array {
  return sha256(LEAF, DOMAIN, payload);
}

interface At {
  readonly border: number;
  readonly microbatch: number;
  readonly tick: number;
  readonly chunk: number;
}

/** The order in which packets of slots lie in a window. */
export function bySlot(a: At, b: At): number {
  return a.border - b.border || a.microbatch - b.microbatch || a.tick - b.tick || a.chunk - b.chunk;
}

/** What the ticks of the calls under way have read of one neighbour, or of several. */
export class CallReads {
  readonly #calls = new Map<number, Map<string, { message: number; microbatch: number; taken: number[] }>>();
  /** Of which something is missing. */
  readonly #torn = new Set<number>();

  /** @param taken nothing: something stood in for it */
  read({ message, callIndex, microbatch, tick }: FrameKey, taken: number | undefined): void {
    const call = this.#calls.get(callIndex) ?? new Map();
    this.#calls.set(callIndex, call);
    const name = `${message}/${microbatch}`;
    const known = call.get(name) ?? { message, microbatch, taken: [] };
    call.set(name, known);
    if (taken === undefined || known.taken.length !== tick) this.tear(callIndex);
    else known.taken.push(taken);
  }

  /** It cannot be said of this call. */
  tear(callIndex: number): void {
    this.#torn.add(callIndex);
  }

  /** The call is over, and forgotten. @returns nothing where something is missing, or nothing was read */
  end(callIndex: number): Reads {
    const call = this.#calls.get(callIndex);
    const isTorn = this.#torn.has(callIndex);
    for (const known of [...this.#calls.keys()]) if (known <= callIndex) this.#calls.delete(known);
    for (const known of [...this.#torn]) if (known <= callIndex) this.#torn.delete(known);
    if (!call || isTorn) return undefined;
    return [...call.values()].sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }
}
