/**
 * What a window is over beside the packets that come exactly once (schedule `async`): what the receiver's ticks have read
 * of the slots, which it tells behind its call, and those packets. Until then the sender does not close the window.
 */
import type { ToldReads } from './slot-frames.ts';

export interface ReadsOptions {
  /** Whether the receiver of these frames tells behind the call what it has read: the same at both ends. */
  readonly isRead: (call: number, way: 'in' | 'out') => boolean;
  /** The receiver has told it. @returns why that cannot be, or leaves */
  readonly told: (call: number, payload: Uint8Array) => ToldReads | string;
}

/** Calls that a receiver may be ahead with its word. */
const MAX_TOLD = 4096;
const NO_LEAVES: readonly Uint8Array[] = [];

export class WindowReads {
  readonly #options: ReadsOptions | undefined;
  /** Behind the packets of a call: of those that came, and of those that went. */
  readonly #leaves = { in: new Map<number, readonly Uint8Array[]>(), out: new Map<number, readonly Uint8Array[]>() };
  /** Calls that are over, of which the receiver has told nothing yet. */
  readonly #waiting = new Set<number>();

  constructor(options: ReadsOptions | undefined) {
    this.#options = options;
  }

  /** This end has read so. */
  tell(call: number, { leaves }: ToldReads): void {
    this.#leaves.in.set(call, leaves);
  }

  /** The other end has read so. @returns why that cannot be */
  told(call: number, payload: Uint8Array): string | undefined {
    if (!this.#options?.isRead(call, 'out') || this.#leaves.out.has(call)) return 'nothing is to be told of it';
    if (this.#leaves.out.size >= MAX_TOLD) return 'too many calls have no window';
    const told = this.#options.told(call, payload);
    if (typeof told === 'string') return told;
    this.#leaves.out.set(call, told.leaves);
    return undefined;
  }

  /** Leaves behind those of the packets of a call that is over; nothing: the receiver has not told what it read. */
  closing(call: number): readonly Uint8Array[] | undefined {
    if (!this.#options?.isRead(call, 'out')) return NO_LEAVES;
    const leaves = this.#leaves.out.get(call);
    if (!leaves) this.#waiting.add(call);
    this.#leaves.out.delete(call);
    return leaves;
  }

  /** Whether a call is over that waited for what was told. */
  isOver(call: number): boolean {
    return this.#waiting.delete(call);
  }

  /** Those behind the packets that came; nothing: its sender has closed the window before this end was told over it. */
  takenOf(call: number): readonly Uint8Array[] | undefined {
    const leaves = this.#options?.isRead(call, 'in') ? this.#leaves.in.get(call) : NO_LEAVES;
    this.#leaves.in.delete(call);
    return leaves;
  }
}
