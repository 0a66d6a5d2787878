/**
 * What comes over the borders of a shard, as it gets it: within the range that the plan gives a message, and within the bound
 * that its earlier stretches give it. Behind each stretch it is told how large frames were and what they were held to.
 */
import type { Frame } from '../training/frame.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { HeldBorder } from '../wire/held-border.ts';
import type { Range } from './border-watch.ts';
import {
  boundOf,
  heldWithin,
  type Learnt,
  larger,
  MAX_HELD,
  NO_SIZE,
  NOTHING_LEARNT,
  type Size,
  toldSize,
  withSeen,
} from './learnt-bounds.ts';
import { rangesFor, withinRange } from './within-range.ts';

/** Frames of a message in one stretch. */
interface Stretch {
  /** Calls behind it: its name. */
  readonly to: number;
  readonly bound: Size | undefined;
  size: Size;
  clipped: number;
}

interface Message {
  readonly from: number;
  learnt: Learnt;
  /** In their order; the last two are not learnt yet. */
  stretches: Stretch[];
}

/** Messages for a shard that have a bound, of those of its schedule. */
export function boundedOf(
  messages: readonly { readonly id: number; readonly to: number }[],
  shard: number,
): ReadonlySet<number> {
  const coming = messages.flatMap(({ id, to }) => (to === shard ? [id] : [])).sort((a, b) => a - b);
  return new Set(coming.slice(0, MAX_HELD));
}

export class HeldBorders {
  readonly #endOf: (call: number) => number;
  readonly #ranges: ReadonlyMap<number, Range>;
  /** Those that have a bound. */
  readonly #bounded: ReadonlySet<number>;
  readonly #messages = new Map<number, Message>();
  /** The stretch of the newest frame: looked for anew only where another call begins. */
  #last = { call: -1, to: 0 };

  /** @param endOf calls behind the stretch in which a call lies */
  constructor(
    deployment: Pick<Deployment, 'needs' | 'bounds'>,
    shard: number,
    messages: readonly { readonly id: number; readonly to: number }[],
    endOf: (call: number) => number,
  ) {
    this.#endOf = endOf;
    this.#ranges = rangesFor(deployment, shard);
    this.#bounded = deployment.bounds ? boundedOf(messages, shard) : new Set();
  }

  /** A term begins: nothing is known of its borders. */
  begin(): void {
    this.#messages.clear();
    this.#last = { call: -1, to: 0 };
  }

  /** @param from the shard that has sent it */
  take(came: Frame, from: number): Frame {
    const frame = withinRange(came, this.#ranges.get(came.message));
    if (!this.#bounded.has(frame.message)) return frame;
    const stretch = this.#stretchOf(frame, from);
    const held = heldWithin(frame, stretch.bound);
    stretch.size = larger(stretch.size, held.size);
    if (held.frame !== frame) stretch.clipped++;
    return held.frame;
  }

  /** Of the stretch behind whose last call so many have been made. @returns nothing where the run has no bounds */
  heldUntil(calls: number): readonly HeldBorder[] | undefined {
    if (this.#bounded.size === 0) return undefined;
    const name = this.#endOf(calls - 1);
    const told: HeldBorder[] = [];
    for (const [message, known] of [...this.#messages].sort(([a], [b]) => a - b)) {
      const { from, stretches } = known;
      const found = stretches.find(({ to }) => to === name);
      if (found) {
        const { bound, clipped, size } = found;
        told.push({ message, from, ...toldSize(size), clipped, ...(bound ? { bound } : {}) });
      }
      known.stretches = stretches.filter(({ to }, i) => to > name || i >= stretches.length - 2);
    }
    return told;
  }

  #stretchOf({ message, callIndex: call }: Frame, from: number): Stretch {
    const known = this.#messages.get(message) ?? { from, learnt: NOTHING_LEARNT, stretches: [] };
    this.#messages.set(message, known);
    if (this.#last.call !== call) this.#last = { call, to: this.#endOf(call) };
    const { to } = this.#last;
    const { stretches } = known;
    const open = stretches.findLast((one) => one.to === to);
    if (open) return open;
    // Of the one before it frames may still come, where a batch begins before the last one is over.
    const over = stretches.at(-2);
    if (over) known.learnt = withSeen(known.learnt, toldSize(over.size));
    const begun: Stretch = { to, bound: boundOf(known.learnt), size: NO_SIZE, clipped: 0 };
    stretches.push(begun);
    return begun;
  }
}
