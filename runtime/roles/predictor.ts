/**
 * The predictor as a pure state machine: which weights answer, when newer ones are looked for, what waits while there
 * are none. Loading and answering are effects; their outcomes come back as events, with the time.
 *
 * Weights lie in slots, numbered as they are loaded. A request keeps the slot that it has begun with until it ends,
 * however often newer weights take over meanwhile: a reload drops no request, and no slot is closed under one.
 */

export interface PredictorState {
  /** The slot that new requests get. */
  readonly current?: { readonly slot: number; readonly version: string };
  /** Work under way: asking for the newest version, or loading it into a slot. */
  readonly busy?: { readonly what: 'look' | 'load'; readonly slot: number; readonly since: number };
  /** Slots of requests under way, by request. */
  readonly requests: Readonly<Record<number, number>>;
  /** Requests that wait for the first weights, the oldest first. */
  readonly waiting: readonly number[];
  readonly slots: number;
  /** How often newer weights took over. */
  readonly reloads: number;
  /** Looks and loads that failed since one went well, and why the last did. */
  readonly failures: number;
  readonly failure?: string;
  /** Not before this time. */
  readonly lookAt: number;
  readonly closing: boolean;
}

export type PredictorEvent =
  /** Time has gone by. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'found'; readonly slot: number; readonly version: string }
  /** @param version of what was loaded, which may be newer than what was found */
  | { readonly kind: 'loaded'; readonly slot: number; readonly version: string }
  | { readonly kind: 'failed'; readonly slot: number; readonly reason: string }
  | { readonly kind: 'request'; readonly request: number }
  | { readonly kind: 'ended'; readonly request: number }
  | { readonly kind: 'close' };

export type PredictorEffect =
  /** Which version is the newest? Answered by `found` or `failed` with this slot. */
  | { readonly kind: 'look'; readonly slot: number }
  | { readonly kind: 'load'; readonly slot: number }
  | { readonly kind: 'answer'; readonly request: number; readonly slot: number }
  | { readonly kind: 'refuse'; readonly request: number; readonly reason: string }
  /** It is no longer used. */
  | { readonly kind: 'free'; readonly slot: number };

export interface PredictorStep {
  readonly state: PredictorState;
  readonly effects: readonly PredictorEffect[];
}

/** Milliseconds between two looks; after failures twice as long each time, up to the longest. */
export const LOOK_EVERY_MS = 500;
export const MAX_WAIT_MILLISECONDS = 8000;
/** Of a look or a load: what has not ended by then counts as failed, and comes too late. */
export const MAX_BUSY_MILLISECONDS = 120_000;
/** Requests that wait for the first weights. */
export const MAX_WAITING = 1024;

export const EMPTY_PREDICTOR: PredictorState = {
  requests: {},
  waiting: [],
  slots: 0,
  reloads: 0,
  failures: 0,
  lookAt: 0,
  closing: false,
};

export function predictor(state: PredictorState, event: PredictorEvent, now: number): PredictorStep {
  switch (event.kind) {
    case 'tick':
      return tick(state, now);
    case 'found':
      return isBusyWith(state, 'look', event.slot) ? found(state, event.version, now) : just(state);
    case 'loaded':
      return loaded(state, event, now);
    case 'failed':
      return state.busy?.slot === event.slot ? failed(state, event.reason, now) : just(state);
    case 'request':
      return request(state, event.request);
    case 'ended':
      return ended(state, event.request);
    case 'close':
      return close(state);
  }
}

function just(state: PredictorState): PredictorStep {
  return { state, effects: [] };
}

function tick(state: PredictorState, now: number): PredictorStep {
  const { busy } = state;
  if (busy && now - busy.since > MAX_BUSY_MILLISECONDS)
    return failed(state, `no answer for ${MAX_BUSY_MILLISECONDS / 1000} s`, now);
  return busy || state.closing || now < state.lookAt ? just(state) : look(state, now);
}

function look(state: PredictorState, now: number): PredictorStep {
  const slot = state.slots;
  const busy = { what: 'look' as const, slot, since: now };
  return { state: { ...state, busy, slots: slot + 1 }, effects: [{ kind: 'look', slot }] };
}

function found(state: PredictorState, version: string, now: number): PredictorStep {
  if (state.current?.version === version) return just(wentWell(state, now));
  const slot = state.slots;
  const busy = { what: 'load' as const, slot, since: now };
  return { state: { ...state, busy, slots: slot + 1 }, effects: [{ kind: 'load', slot }] };
}

function loaded(
  state: PredictorState,
  { slot, version }: { readonly slot: number; readonly version: string },
  now: number,
): PredictorStep {
  const free: PredictorEffect = { kind: 'free', slot };
  // It took too long and was given up, or everything ends.
  if (!isBusyWith(state, 'load', slot)) return { state, effects: [free] };
  const old = state.current;
  const well = wentWell(state, now);
  if (old?.version === version) return { state: well, effects: [free] };
  const requests = { ...state.requests };
  for (const waiting of state.waiting) requests[waiting] = slot;
  const next = { ...well, current: { slot, version }, requests, waiting: [] };
  const answers = state.waiting.map((waiting): PredictorEffect => ({ kind: 'answer', request: waiting, slot }));
  if (!old) return { state: next, effects: answers };
  return { state: { ...next, reloads: state.reloads + 1 }, effects: [...answers, ...freed(next, old.slot)] };
}

/** The old weights go on answering; who waited for the first ones hears why there are none. */
function failed(state: PredictorState, reason: string, now: number): PredictorStep {
  const { busy: _busy, ...rest } = state;
  const wait = Math.min(MAX_WAIT_MILLISECONDS, LOOK_EVERY_MS * 2 ** state.failures);
  return {
    state: { ...rest, failures: state.failures + 1, failure: reason, lookAt: now + wait, waiting: [] },
    effects: state.waiting.map((waiting) => ({ kind: 'refuse', request: waiting, reason })),
  };
}

function wentWell(state: PredictorState, now: number): PredictorState {
  const { busy: _busy, failure: _failure, ...rest } = state;
  return { ...rest, failures: 0, lookAt: now + LOOK_EVERY_MS };
}

function request(state: PredictorState, id: number): PredictorStep {
  const refuse = (reason: string): PredictorStep => ({
    state,
    effects: [{ kind: 'refuse', request: id, reason }],
  });
  if (state.closing) return refuse('the predictor is closing');
  const { current } = state;
  if (current) {
    const requests = { ...state.requests, [id]: current.slot };
    return { state: { ...state, requests }, effects: [{ kind: 'answer', request: id, slot: current.slot }] };
  }
  if (state.waiting.length >= MAX_WAITING) return refuse('too many requests wait for the first weights');
  return just({ ...state, waiting: [...state.waiting, id] });
}

function ended(state: PredictorState, id: number): PredictorStep {
  const { [id]: slot, ...requests } = state.requests;
  if (slot === undefined) return just(state);
  const next = { ...state, requests };
  return { state: next, effects: next.current?.slot === slot ? [] : freed(next, slot) };
}

/** Requests under way go on; their slots are freed when they end. */
function close(state: PredictorState): PredictorStep {
  if (state.closing) return just(state);
  const { busy: _busy, current, ...rest } = state;
  const next = { ...rest, closing: true, waiting: [] };
  const reason = 'the predictor is closing';
  const refused = state.waiting.map((waiting): PredictorEffect => ({ kind: 'refuse', request: waiting, reason }));
  return { state: next, effects: [...refused, ...(current ? freed(next, current.slot) : [])] };
}

function freed(state: PredictorState, slot: number): PredictorEffect[] {
  return Object.values(state.requests).includes(slot) ? [] : [{ kind: 'free', slot }];
}

function isBusyWith({ busy }: PredictorState, what: 'look' | 'load', slot: number): boolean {
  return busy?.what === what && busy.slot === slot;
}
