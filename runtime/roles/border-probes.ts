/**
 * Which two idle trainers measure the way between them now, by the synchronizer's word alone: a few partners each, which
 * change with time, and one pair of a place at once. What both ends have told of it counts: of each direction the
 * smaller figure, within what their owners allow, so that a single one can make no border look faster than it is.
 */
import { isOwnMachineOnly } from '../wire/listen.ts';
import type { Measured } from '../wire/messages.ts';
import { placeOf } from './batch-time.ts';
import type { DirectBorder } from './border-way.ts';
import type { ProbedBorder, WayFigures } from './measured-link.ts';
import { isFree } from './sharing.ts';
import type { MemberState, SynchronizerState } from './synchronizer-state.ts';
import { isActive, members, type Work } from './work.ts';

/** Distances of partners in the order of the keys, at one time: each is a partner of as many others. */
const DISTANCES = 2;
const OTHER_PARTNERS_EVERY_MS = 1_800_000;
/** Pairs under way in the whole mesh. */
const MAX_AT_ONCE = 8;
/** An end that has told nothing by then tells nothing any more. */
export const PROBE_MS = 30_000;
/** Then a trainer is free for another one, and for the gateway's: longer than it rests by itself. */
const REST_MS = 2000;
/** The first look may be disturbed by what begins. */
const REPEATS_MS = [10_000, 60_000, 600_000] as const;
/** Of one trainer; those asked longest ago are forgotten. */
const MAX_KEPT = 16;
/** Older figures say nothing. */
const KEPT_MS = 3_600_000;

/** Pairs of idle trainers whose turn it is are told so. */
export function askProbes(work: Work): void {
  const able = members(work).filter(isAble);
  if (able.length < 2 || work.state.closing || work.state.presides === false) return;
  const sorted = able.sort((a, b) => (a.key < b.key ? -1 : 1));
  const measuring = Object.keys(work.state.members).filter((key) => isMeasuring(work.state, key));
  const busy = busyPlaces(work.state, measuring);
  let atOnce = measuring.length / 2;
  for (const [one, other] of partners(sorted, work.now)) {
    if (atOnce >= MAX_AT_ONCE) return;
    const places = [placeOf(one.capability), placeOf(other.capability)] as const;
    if (places.some((place) => busy.has(place)) || !canMeet(one, other) || !isDue(one, other, work.now)) continue;
    for (const place of places) busy.add(place);
    atOnce++;
    ask(work, one.key, other);
    ask(work, other.key, one);
  }
}

/** A trainer that was not asked for it has told nothing. @param taken another synchronizer had asked it */
export function borderMeasured(work: Work, from: string, message: Measured, taken = false): 'not-asked' | undefined {
  const member = work.state.members[from];
  // Only the one who leads the mesh knows whom it has asked: what it takes, others take from it.
  const known = member?.borders?.[message.key];
  const asked = taken ? { count: 1, ...known, asked: work.now, isTold: false } : known;
  if (!member || !asked || asked.isTold || work.now - asked.asked > PROBE_MS) return 'not-asked';
  const { key, sent, received, roundTrip } = message;
  const told: ProbedBorder = {
    ...asked,
    ...(asked.last ? { before: asked.last } : {}),
    ...{ isTold: true, last: { sent, received, roundTrip }, at: work.now },
  };
  work.setMember({ ...member, borders: { ...member.borders, [key]: told } });
  return undefined;
}

/** Its way to a trainer is being measured, or a trainer's to it: another probe would disturb that one. */
export function isMeasuring({ members: all, now }: SynchronizerState, key: string): boolean {
  return Object.entries(all[key]?.borders ?? {}).some(([other, border]) => {
    const ends = [border, all[other]?.borders?.[key]];
    return ends.some((end) => end !== undefined && isUnderWay(end, now));
  });
}

/** Of a process that has begun anew under its key: what it told is of another time, and it is not asked more often. */
export function askedOnly(borders: MemberState['borders'] = {}): NonNullable<MemberState['borders']> {
  return Object.fromEntries(
    Object.entries(borders).map(([key, { asked, count, isTold }]) => [key, { asked, count, isTold }]),
  );
}

/** From this trainer to others, by their keys: where both ends have told of it, and not too long ago. */
export function bordersOf(state: SynchronizerState, key: string): Readonly<Record<string, DirectBorder>> {
  const own = state.members[key];
  if (!own) return {};
  const found = Object.keys(own.borders ?? {}).flatMap((to) => {
    const other = state.members[to];
    const border = other && borderBetween(own, other, state.now);
    return border ? [[to, border] as const] : [];
  });
  return Object.fromEntries(found);
}

function borderBetween(from: MemberState, to: MemberState, now: number): DirectBorder | undefined {
  const [out, back] = [from.borders?.[to.key], to.borders?.[from.key]];
  const [ours, theirs] = [undisturbed(out), undisturbed(back)];
  const { sent, roundTrip: there } = ours;
  const { received, roundTrip: again } = theirs;
  const at = Math.min(out?.at ?? 0, back?.at ?? 0);
  const roundTrip = Math.max(there, again);
  if (sent <= 0 || received <= 0 || roundTrip <= 0 || now - at > KEPT_MS) return undefined;
  const allowed = [from.capability.upload, to.capability.download].filter((cap) => cap > 0);
  return { rate: Math.min(sent, received, ...allowed), roundTrip, at };
}

/** Of its last two looks: other work of a machine makes a way look slower, and nothing makes it look faster. */
function undisturbed({ last, before = last }: Pick<ProbedBorder, 'last' | 'before'> = {}): WayFigures {
  if (!last || !before) return { sent: 0, received: 0, roundTrip: 0 };
  return {
    sent: Math.max(last.sent, before.sent),
    received: Math.max(last.received, before.received),
    roundTrip: Math.min(last.roundTrip, before.roundTrip),
  };
}

/** It has told where others reach it, and its own way to the mesh is known: the two probes do not meet. */
function isAble(member: MemberState): boolean {
  return isFree(member) && member.listen !== undefined && member.measured !== undefined;
}

/** Where a shard is trained, or loaded, or a way is being measured. */
function busyPlaces(state: SynchronizerState, measuring: readonly string[]): Set<string> {
  const owners = Object.values(state.runs).flatMap((run) => (isActive(run) ? run.owners : []));
  return new Set(
    [...owners, ...measuring].flatMap((key) => {
      const member = state.members[key];
      return member ? [placeOf(member.capability)] : [];
    }),
  );
}

function isUnderWay({ asked, isTold, at }: ProbedBorder, now: number): boolean {
  return isTold ? at !== undefined && now - at < REST_MS : now - asked <= PROBE_MS;
}

/** Each with those at a few distances behind it: up to five trainers, everyone with everyone. */
function* partners(sorted: readonly MemberState[], now: number): Generator<readonly [MemberState, MemberState]> {
  const farthest = Math.floor(sorted.length / 2);
  const round = Math.floor(now / OTHER_PARTNERS_EVERY_MS);
  for (let i = 0; i < Math.min(DISTANCES, farthest); i++) {
    const distance = 1 + ((round * DISTANCES + i) % farthest);
    for (const [at, one] of sorted.entries()) {
      const other = sorted[(at + distance) % sorted.length];
      if (other) yield [one, other];
    }
  }
}

/** There is a link between them, and one of them can dial the other. */
function canMeet(one: MemberState, other: MemberState): boolean {
  if (placeOf(one.capability) === placeOf(other.capability)) return false;
  const sameMachine = one.capability.machine === other.capability.machine;
  return sameMachine || [one, other].some(({ listen = '' }) => !isOwnMachineOnly(listen));
}

function isDue(one: MemberState, other: MemberState, now: number): boolean {
  return [one.borders?.[other.key], other.borders?.[one.key]].every((border) => {
    if (!border) return true;
    const repeat = REPEATS_MS[border.count - 1] ?? REPEATS_MS[REPEATS_MS.length - 1] ?? 0;
    return now - border.asked > Math.max(repeat, border.isTold ? 0 : PROBE_MS);
  });
}

function ask(work: Work, key: string, { key: to, listen = '', capability }: MemberState): void {
  const member = work.state.members[key];
  if (!member) return;
  const before = member.borders?.[to];
  const asked: ProbedBorder = { ...before, asked: work.now, count: (before?.count ?? 0) + 1, isTold: false };
  const all = Object.entries({ ...member.borders, [to]: asked }).sort(([, a], [, b]) => b.asked - a.asked);
  work.setMember({ ...member, borders: Object.fromEntries(all.slice(0, MAX_KEPT)) });
  work.send(key, { type: 'measure', key: to, address: listen, machine: capability.machine });
}
