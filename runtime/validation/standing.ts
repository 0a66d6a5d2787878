/**
 * How closely each trainer of a run is looked at. What its neighbours have seen of its frames, and the hashes of its
 * states, make it suspicious or not; that draws audits and does nothing else. Audits alone clear it. Pure.
 */
import type { Verdict } from '../wire/audit-verdict.ts';
import type { HeldBorder } from '../wire/held-border.ts';
import type { SeenBorder } from '../wire/messages.ts';
import {
  type BorderHistory,
  distanceOf,
  judged,
  logOf,
  MAX_PAST,
  MIN_PAST,
  median,
  NO_HISTORY,
  scoreOf,
  type Unusual,
} from './history.ts';
import { type LearntBorders, learntIn, withHeld } from './sealed-bounds.ts';
import type { WeightMove } from './weight-sketch.ts';

/** What is left of a suspicion behind a stretch in which nothing is unusual. */
const FADES = 0.9;
/** Below it there is none. */
const FORGOTTEN = 0.01;
/** Behind so many stretches in a row whose states were there before a shard is taken for one that does not learn. */
export const PATIENCE = 8;
/** Messages that one shard may tell of: one that makes them up gets no more room. */
const MAX_BORDERS = 128;
/** Hashes of states that a shard is held against. */
const MAX_STATES = 16;

export interface Standing {
  /** Stretches of it that were done again and not found wrong. */
  readonly looked: number;
  /** 0 … 1. */
  readonly suspicion: number;
  /** Of what, in words; empty where there is no suspicion. */
  readonly why: string;
  /** Stretches in a row that were not drawn, and the calls behind the newest one that could be; absent before the first. */
  readonly bare?: number;
  readonly behind?: number;
  /** Of the newest stretch that was unusual. */
  readonly term: number;
  readonly from: number;
}

export const UNKNOWN: Standing = { looked: 0, suspicion: 0, why: '', term: -1, from: -1 };

export interface StateHistory {
  /** The newest last. */
  readonly past: readonly { readonly calls: number; readonly hash: string }[];
  /** Stretches in a row behind which it was one that was there before. */
  readonly again: number;
}

/** Logarithms of how far a weight moves in a call, and of its size. */
interface Moves {
  readonly moved: number;
  readonly size: number;
}

/** From an earlier snapshot to one that was found sound. */
export interface MovedSince {
  /** Calls behind which the earlier one was made. */
  readonly since: number;
  readonly tensors: readonly WeightMove[];
}

export interface MovedWeights extends MovedSince {
  readonly shard: number;
  readonly term: number;
  readonly calls: number;
}

/** Of one run. */
export interface RunWatch {
  /** By the shard that has sent it, the one that has seen it, and the message. */
  readonly borders: Readonly<Record<string, BorderHistory>>;
  /** By the shard and the weight, the newest last. */
  readonly weights: Readonly<Record<string, readonly Moves[]>>;
  /** By shard: logarithms of its mean energy in a call, the newest last. */
  readonly energies: Readonly<Record<number, readonly number[]>>;
  /** By shard. */
  readonly states: Readonly<Record<number, StateHistory>>;
  /** By key. */
  readonly keys: Readonly<Record<string, Standing>>;
  /** By shard; absent where the run has no bounds. */
  readonly learnt?: Readonly<Record<number, LearntBorders>>;
}

export const NO_WATCH: RunWatch = { borders: {}, weights: {}, energies: {}, states: {}, keys: {} };

/** How a shard has held the frames of its neighbours in a stretch. */
export interface SealedBounds {
  /** Calls behind which its term began, and those behind the stretch. */
  readonly begins: number;
  readonly calls: number;
  readonly borders: readonly HeldBorder[];
}

/** What one shard has sealed of a stretch. */
export interface SealedStretch {
  readonly shard: number;
  readonly term: number;
  readonly from: number;
  /** At its end: behind the last call that changed it. */
  readonly state: { readonly calls: number; readonly hash: string };
  readonly seen: readonly SeenBorder[];
  readonly held?: SealedBounds;
}

/** @param owners of the term, by shard */
export function withStretch(watch: RunWatch, sealed: SealedStretch, owners: readonly string[]): RunWatch {
  const own = owners[sealed.shard] ?? '';
  const { unusual, history } = judgedState(watch.states[sealed.shard], sealed);
  let keys = { ...watch.keys, [own]: faded(watch.keys[own] ?? UNKNOWN) };
  keys = suspected(keys, own, sealed, unusual);
  const borders = { ...watch.borders };
  for (const seen of sealed.seen) {
    const sender = owners[seen.from];
    // A trainer is not a witness of its own frames.
    if (sender === undefined || sender === own) continue;
    const name = borderName(seen.from, sealed.shard, seen.message);
    if (!borders[name] && countOf(borders, sealed.shard) >= MAX_BORDERS) continue;
    const found = judged(borders[name] ?? NO_HISTORY, seen, sealed.seen.length);
    borders[name] = found.history;
    const why = found.unusual && `frames of shard ${seen.from} for shard ${sealed.shard} ${found.unusual.why}`;
    keys = suspected(keys, sender, sealed, found.unusual && { score: found.unusual.score, why: why ?? '' });
  }
  const next = { ...watch, borders, states: { ...watch.states, [sealed.shard]: history }, keys };
  return sealed.held ? withBounds(next, sealed, sealed.held, owners) : next;
}

/** Frames that were too large: no honest ones were in any training that was looked at (`spec/semantics.md`). */
function withBounds(
  watch: RunWatch,
  sealed: SealedStretch,
  { begins, calls, borders }: SealedBounds,
  owners: readonly string[],
): RunWatch {
  const { shard, term, from: since } = sealed;
  let { keys } = watch;
  for (const { from, clipped } of borders) {
    const sender = owners[from];
    if (clipped === 0 || sender === undefined || sender === owners[shard]) continue;
    const why = `frames of shard ${from} for shard ${shard} were clipped: far larger than any before (${clipped})`;
    keys = suspected(keys, sender, sealed, { score: 1, why });
  }
  const known = withHeld(learntIn(watch.learnt, { shard, term, begins }), { from: since, calls }, borders);
  return { ...watch, keys, learnt: { ...watch.learnt, [shard]: known } };
}

/** A state that was there before; of a shard that has no weights, or whose weights have never moved, it says nothing. */
function judgedState(
  { past, again }: StateHistory = { past: [], again: 0 },
  { shard, state }: SealedStretch,
): { unusual?: Unusual; history: StateHistory } {
  // The run may have gone back: what is done again gives the same states again.
  const before = past.filter(({ calls }) => calls < state.calls);
  const next = [...before, { calls: state.calls, hash: state.hash }].slice(-MAX_STATES);
  const at = before.findLastIndex(({ hash }) => hash === state.hash);
  const moves = before.some(({ hash }) => hash !== before[0]?.hash);
  if (at < 0 || !moves || again >= PATIENCE) return { history: { past: next, again: at < 0 ? 0 : again } };
  const how = at === before.length - 1 ? 'has not moved' : `is the one of call ${before[at]?.calls ?? 0} again`;
  return {
    unusual: { score: 1, why: `the state of shard ${shard} ${how}` },
    history: { past: next, again: again + 1 },
  };
}

/** No spread counts as smaller: of the steps of a weight, and of its size. */
const MOVED_FLOOR = 0.06;
const SIZE_FLOOR = 0.012;
/** Steps of few elements differ more: of one by so much, of `n` by its `√n`-th part. */
const ONE_MOVED = 0.6;

/** @param owners of the term, by shard */
export function withWeights(watch: RunWatch, moved: MovedWeights, owners: readonly string[]): RunWatch {
  const { shard, term, calls, since, tensors } = moved;
  const weights = { ...watch.weights };
  let { keys } = watch;
  for (const { tensor, elements, moved: way, size } of tensors) {
    const name = `${shard}/${tensor}`;
    const past = weights[name] ?? [];
    const now = { moved: logOf(way / Math.max(1, calls - since)), size: logOf(size) };
    const floor = MOVED_FLOOR + ONE_MOVED / Math.sqrt(elements);
    const unusual = judgedMoves(past, now, floor, 2 * tensors.length, `the weight ${tensor} of shard ${shard}`);
    keys = suspected(keys, owners[shard] ?? '', { term, from: since }, unusual);
    weights[name] = [...past, now].slice(-MAX_PAST);
  }
  return { ...watch, weights, keys };
}

/** No spread of an energy counts as smaller. */
const ENERGY_FLOOR = 0.06;

/** What a shard says of its energy, since an earlier snapshot. */
export interface SaidEnergy {
  readonly shard: number;
  readonly term: number;
  readonly since: number;
  /** Mean of a training call. */
  readonly energy: number;
}

/** @param owners of the term, by shard */
export function withEnergy(watch: RunWatch, said: SaidEnergy, owners: readonly string[]): RunWatch {
  const { shard, term, since, energy } = said;
  // Of distributions with a density it may be negative, and has no size.
  if (energy < 0) return watch;
  const [past, now] = [watch.energies[shard] ?? [], logOf(energy)];
  const score = past.length < MIN_PAST ? 0 : scoreOf(distanceOf(past, now, ENERGY_FLOOR, 1));
  const why = `the energy of shard ${shard} is ${times(now, past)} times as large as before`;
  const keys = suspected(
    watch.keys,
    owners[shard] ?? '',
    { term, from: since },
    score > 0 ? { score, why } : undefined,
  );
  return { ...watch, keys, energies: { ...watch.energies, [shard]: [...past, now].slice(-MAX_PAST) } };
}

function judgedMoves(
  past: readonly Moves[],
  now: Moves,
  floor: number,
  compared: number,
  of: string,
): Unusual | undefined {
  if (past.length < MIN_PAST) return undefined;
  const [ways, sizes] = [past.map(({ moved }) => moved), past.map(({ size }) => size)];
  const way = scoreOf(distanceOf(ways, now.moved, floor, compared));
  const size = scoreOf(distanceOf(sizes, now.size, SIZE_FLOOR, compared));
  if (Math.max(way, size) === 0) return undefined;
  if (size > way) return { score: size, why: `${of} is ${times(now.size, sizes)} times as large as before` };
  const factor = times(now.moved, ways);
  return { score: way, why: `${of} moves ${factor} times as far in a call as before` };
}

function times(now: number, past: readonly number[]): string {
  return Math.exp(now - median(past)).toPrecision(2);
}

type Keys = RunWatch['keys'];

function suspected(
  keys: Keys,
  key: string,
  { term, from }: Pick<SealedStretch, 'term' | 'from'>,
  unusual: Unusual | undefined,
): Keys {
  const before = keys[key] ?? UNKNOWN;
  if (!unusual || unusual.score < before.suspicion) return { ...keys, [key]: before };
  return { ...keys, [key]: { ...before, suspicion: unusual.score, why: unusual.why, term, from } };
}

function faded(standing: Standing): Standing {
  const suspicion = standing.suspicion * FADES;
  return suspicion < FORGOTTEN ? { ...standing, suspicion: 0, why: '' } : { ...standing, suspicion };
}

/** What it has pending and would lose, before a stretch: what lies before a gap may be paid by now. */
export function bareBefore({ bare = 0, behind = 0 }: Pick<Standing, 'bare' | 'behind'>, from: number): number {
  return from > behind ? 0 : bare;
}

/** Of a stretch of all shards of a trainer it was drawn whether it is done again. @param to calls behind it */
export function withDraw(
  watch: RunWatch,
  trainer: string,
  { from, to }: { readonly from: number; readonly to: number },
  isDrawn: boolean,
): RunWatch {
  const before = watch.keys[trainer] ?? UNKNOWN;
  const bare = bareBefore(before, from) + (isDrawn ? 0 : 1);
  return { ...watch, keys: { ...watch.keys, [trainer]: { ...before, bare, behind: to } } };
}

/** A stretch of a trainer that was done again. */
export interface LookedAt {
  readonly trainer: string;
  readonly term: number;
  readonly from: number;
}

/**
 * Only a match clears what was unusual, and only one of that stretch or a later one. What could not be compared counts
 * as a look: a trainer of another class of device would be asked for one record in four for ever, and never be cleared.
 */
export function withVerdict(watch: RunWatch, looked: LookedAt, verdict: Verdict): RunWatch {
  const before = watch.keys[looked.trainer] ?? UNKNOWN;
  // All that was pending of it is withheld.
  if (verdict === 'mismatch' || verdict === 'undelivered')
    return { ...watch, keys: { ...watch.keys, [looked.trainer]: { ...before, bare: 0 } } };
  const counted = { ...before, looked: before.looked + 1 };
  const isBehind = looked.term > before.term || (looked.term === before.term && looked.from >= before.from);
  if (verdict !== 'match' || !isBehind) return { ...watch, keys: { ...watch.keys, [looked.trainer]: counted } };
  return { ...watch, keys: { ...watch.keys, [looked.trainer]: { ...counted, suspicion: 0, why: '' } } };
}

/** Those that a shard has seen. */
function countOf(borders: RunWatch['borders'], to: number): number {
  return Object.keys(borders).filter((name) => name.split('/')[1] === String(to)).length;
}

function borderName(from: number, to: number, message: number): string {
  return `${from}/${to}/${message}`;
}
