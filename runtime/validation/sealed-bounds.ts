/**
 * The bounds of a shard's borders as its seals give them. A shard may hold frames to more than these, or to nothing, which protects
 * itself alone; one that holds them to less computes with other values than were sent. Pure.
 */
import type { HeldBorder } from '../wire/held-border.ts';
import {
  boundOf,
  LEARNT_FROM,
  type Learnt,
  NO_SIZE,
  NOTHING_LEARNT,
  type Size,
  withGrown,
  withSeen,
} from './learnt-bounds.ts';

/** Of one shard, in one term: another owner begins anew. */
export interface LearntBorders {
  readonly term: number;
  /** Behind the newest seal; and whether all seals of the term before it are in. */
  readonly calls: number;
  readonly whole: boolean;
  /** By message; the newest stretch in which it came is not learnt yet. */
  readonly messages: Readonly<Record<number, Learnt & { readonly newest: Size }>>;
}

type LearntShards = Readonly<Record<number, LearntBorders>>;

/** @param begins calls behind which the term began */
export function learntIn(
  shards: LearntShards | undefined,
  { shard, term, begins }: { readonly shard: number; readonly term: number; readonly begins: number },
): LearntBorders {
  const known = shards?.[shard];
  return known?.term === term ? known : { term, calls: begins, whole: true, messages: {} };
}

/**
 * Whether it was held to no less than earlier seals say. Where one is missing the bound may be higher, never lower: seals are
 * lost when a synchronizer begins anew.
 * @param from calls before the stretch
 */
export function areBoundsOf(
  { messages, whole, calls }: LearntBorders,
  from: number,
  held: readonly HeldBorder[],
): boolean {
  return held.every(({ message, bound }) => {
    const known = messages[message];
    // No shard has a bound before it has seen so many stretches.
    if (bound && whole && from === calls && (known?.stretches ?? 0) < LEARNT_FROM) return false;
    const least = (known && boundOf(known)) ?? NO_SIZE;
    return !bound || (bound.largest >= least.largest && bound.rms >= least.rms);
  });
}

/** @param stretch that was sealed, of the same term */
export function withHeld(
  known: LearntBorders,
  { from, calls }: { readonly from: number; readonly calls: number },
  held: readonly HeldBorder[],
): LearntBorders {
  const whole = known.whole && from === known.calls;
  const messages = { ...known.messages };
  for (const { message, largest, rms } of held) {
    const before = messages[message];
    // What it was like in the stretches that are missing is not known.
    if (!before && !whole) continue;
    const { newest, ...learnt } = before ?? { ...NOTHING_LEARNT, newest: NO_SIZE };
    messages[message] = { ...(whole ? withSeen : withGrown)(learnt, newest), newest: { largest, rms } };
  }
  return { ...known, calls, whole, messages };
}
