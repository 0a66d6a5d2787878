/**
 * Who leads a run, of several synchronizers: a record that changes by compare-and-set, and the own clock of each. The
 * leader renews it; it leads for a little less than the time agreed, counted from when it asked. Others take over when
 * they have seen no change for a little more than that, counted from when they heard. So two never lead at once, as long
 * as their clocks run almost equally fast; they need not agree on the time.
 *
 * Each leader has a reign: a number that grows. What belongs to an earlier reign than the newest that a store, a trainer
 * or a record has met is refused (`Fence`), since a process that was stopped does not know that it was.
 */

/** How much faster one clock may run than another. */
export const MAX_CLOCK_DRIFT = 0.02;
/** Renewals within the time agreed; asked again so often when an answer stays away. */
const RENEWALS = 4;

/** What the record says. */
export interface Leader {
  /** Nothing: it has resigned. */
  readonly holder: string;
  readonly reign: number;
}

/** The record as it was found, with the revision that a change replaces. */
export interface FoundLeader {
  readonly leader: Leader;
  readonly revision: number;
}

export interface LeadershipOptions {
  /** Of this process, not of this machine: another one after a restart. */
  readonly self: string;
  /** Milliseconds without a renewal after which another may lead. */
  readonly lapseMs: number;
  /** Milliseconds for which it leaves what is free to others, who lead less; absent: none. */
  readonly waitMs?: number;
}

interface Asked {
  readonly at: number;
  /** What was to become the record; nothing: it was read. */
  readonly change: Leader | undefined;
}

export interface LeadershipState {
  /** Since when it has found no record. */
  readonly missing?: number;
  readonly seen: (FoundLeader & { readonly since: number }) | undefined;
  readonly asked: Asked | undefined;
  /** When it was asked for the last time. */
  readonly askedLast: number;
  /** The reign in which this process leads. */
  readonly leads: { readonly reign: number; readonly until: number } | undefined;
}

export type LeadershipEvent = { readonly now: number } & (
  | { readonly kind: 'time' }
  | { readonly kind: 'found'; readonly found: FoundLeader | undefined }
  /** No revision: another change came first. */
  | { readonly kind: 'changed'; readonly revision: number | undefined }
  | { readonly kind: 'unanswered' }
  /** It is to lead no longer, by its own will. */
  | { readonly kind: 'resign' }
);

export type LeadershipEffect =
  | { readonly kind: 'read' }
  | { readonly kind: 'change'; readonly leader: Leader; readonly expected: number }
  | { readonly kind: 'leads'; readonly reign: number }
  | { readonly kind: 'ends'; readonly reign: number };

export interface LeadershipStep {
  readonly state: LeadershipState;
  readonly effects: readonly LeadershipEffect[];
}

export const BEFORE_LEADERSHIP: LeadershipState = {
  seen: undefined,
  asked: undefined,
  askedLast: Number.NEGATIVE_INFINITY,
  leads: undefined,
};

/** At most one question is open at a time; its answer, or `unanswered`, comes before the next. */
export function leadershipStep(
  options: LeadershipOptions,
  before: LeadershipState,
  event: LeadershipEvent,
): LeadershipStep {
  const ended = before.leads !== undefined && (event.kind === 'resign' || event.now >= before.leads.until);
  const state = ended ? { ...before, leads: undefined } : before;
  const step = nextStep(options, state, event, before);
  if (!ended || before.leads === undefined) return step;
  return { ...step, effects: [{ kind: 'ends', reign: before.leads.reign }, ...step.effects] };
}

function nextStep(
  options: LeadershipOptions,
  state: LeadershipState,
  event: LeadershipEvent,
  before: LeadershipState,
): LeadershipStep {
  switch (event.kind) {
    case 'time':
      return whenDue(options, state, event.now);
    case 'found':
      return whenFound(options, { ...state, asked: undefined }, event.found, event.now);
    case 'changed':
      return whenChanged(options, state, event.revision, event.now);
    case 'unanswered':
      return { state: { ...state, asked: undefined, seen: withoutRevision(state) }, effects: [] };
    case 'resign': {
      const { seen } = state;
      if (!before.leads || !seen || state.asked) return { state, effects: [] };
      return change(state, { holder: '', reign: before.leads.reign }, seen.revision, event.now);
    }
  }
}

/** What it knew may have been replaced by its own change: it has to look before it changes anything. */
function withoutRevision(state: LeadershipState): LeadershipState['seen'] {
  return state.asked?.change === undefined ? state.seen : undefined;
}

function whenDue({ self, lapseMs }: LeadershipOptions, state: LeadershipState, now: number): LeadershipStep {
  const { seen, leads, asked, askedLast } = state;
  if (asked || now - askedLast < lapseMs / RENEWALS) return { state, effects: [] };
  if (leads && seen) return change(state, { holder: self, reign: leads.reign }, seen.revision, now);
  return { state: { ...state, askedLast: now, asked: { at: now, change: undefined } }, effects: [{ kind: 'read' }] };
}

function whenFound(
  { self, lapseMs, waitMs = 0 }: LeadershipOptions,
  before: LeadershipState,
  found: FoundLeader | undefined,
  now: number,
): LeadershipStep {
  const { missing = now, ...state } = before;
  if (!found && now - missing < waitMs) return { state: { ...state, missing }, effects: [] };
  if (!found) return change(state, { holder: self, reign: 1 }, 0, now);
  const { holder, reign } = found.leader;
  const same = state.seen?.revision === found.revision;
  const seen = { ...found, since: same && state.seen ? state.seen.since : now };
  const known = { ...state, seen };
  if (state.leads) {
    // Its own renewal, whose answer was lost; or the next leader.
    if (holder === self && reign === state.leads.reign) return { state: known, effects: [] };
    return { state: { ...known, leads: undefined }, effects: [{ kind: 'ends', reign: state.leads.reign }] };
  }
  // Its own record, of a change whose answer was lost or came too late: it knows that it does not lead by that.
  const lapse = holder === '' || holder === self ? 0 : lapseMs * (1 + MAX_CLOCK_DRIFT);
  const free = now - seen.since >= lapse + waitMs;
  return free ? change(known, { holder: self, reign: reign + 1 }, found.revision, now) : { state: known, effects: [] };
}

function whenChanged(
  { self, lapseMs }: LeadershipOptions,
  state: LeadershipState,
  revision: number | undefined,
  now: number,
): LeadershipStep {
  const { asked, leads } = state;
  const rest = { ...state, asked: undefined };
  if (!asked?.change) return { state: rest, effects: [] };
  if (revision === undefined) {
    const effects: LeadershipEffect[] = leads ? [{ kind: 'ends', reign: leads.reign }] : [];
    return { state: { ...rest, seen: undefined, leads: undefined }, effects };
  }
  const seen = { leader: asked.change, revision, since: now };
  const { holder, reign } = asked.change;
  const until = asked.at + lapseMs * (1 - MAX_CLOCK_DRIFT);
  // The answer came so late that another may lead by now, or it was the last word of a leader.
  if (holder !== self || now >= until) return { state: { ...rest, seen }, effects: [] };
  // A renewal that is answered when its reign has ended does not begin it again: the next one does.
  if (!leads && state.seen?.leader.holder === self && state.seen.leader.reign === reign)
    return { state: { ...rest, seen }, effects: [] };
  const effects: LeadershipEffect[] = leads ? [] : [{ kind: 'leads', reign }];
  return { state: { ...rest, seen, leads: { reign, until } }, effects };
}

function change(state: LeadershipState, leader: Leader, expected: number, now: number): LeadershipStep {
  return {
    state: { ...state, askedLast: now, asked: { at: now, change: leader } },
    effects: [{ kind: 'change', leader, expected }],
  };
}

/** Of each store, trainer and record of a run: nothing of an earlier reign than the newest that it has met. */
export class Fence {
  #newest = 0;

  /** @returns whether what comes in this reign counts */
  admits(reign: number): boolean {
    if (reign < this.#newest) return false;
    this.#newest = reign;
    return true;
  }
}
