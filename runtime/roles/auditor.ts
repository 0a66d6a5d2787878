/**
 * A trainer as an auditor: it does stretches of others again beside what it trains, one after the other, and says of each
 * what came out, of which it is told nothing. What it cannot do it says at once, so that another one does it. Pure.
 */
import type { AuditOrder, Outputs } from '../wire/audit-messages.ts';

export interface AuditorState {
  readonly doing: AuditOrder | undefined;
  /** The connection that it was asked on has ended, and another one does it by now. */
  readonly isStale: boolean;
  readonly waiting: readonly AuditOrder[];
}

/** What came of the one that is under way: a hash over all that came out, or why there is none. */
export type Repeated = { readonly outputs: string } | { readonly why: string };

export type AuditorEvent =
  /** @param problem why it is none that this trainer may do */
  | { readonly kind: 'asked'; readonly order: AuditOrder; readonly problem?: string }
  | { readonly kind: 'repeated'; readonly found: Repeated }
  | { readonly kind: 'disconnected' };

export type AuditorEffect =
  /** `repeated` answers. */
  { readonly kind: 'repeat'; readonly order: AuditOrder } | { readonly kind: 'say'; readonly message: Outputs };

export interface AuditorStep {
  readonly state: AuditorState;
  readonly effects: readonly AuditorEffect[];
}

export const IDLE_AUDITOR: AuditorState = { doing: undefined, isStale: false, waiting: [] };

/** Asked for and not done yet, beside the one that is under way: what waits longer the synchronizer does sooner itself. */
export const MAX_WAITING = 2;

export function auditor(state: AuditorState, event: AuditorEvent): AuditorStep {
  switch (event.kind) {
    case 'asked': {
      const { order, problem } = event;
      if (problem !== undefined) return { state, effects: [answer(order, { why: problem })] };
      if (state.waiting.length >= MAX_WAITING)
        return { state, effects: [answer(order, { why: 'it has others to do again' })] };
      return begun({ ...state, waiting: [...state.waiting, order] }, []);
    }
    case 'repeated': {
      const { doing, isStale } = state;
      if (!doing) return { state, effects: [] };
      const said = isStale ? [] : [answer(doing, event.found)];
      return begun({ ...state, doing: undefined, isStale: false }, said);
    }
    case 'disconnected':
      return { state: { ...state, isStale: state.doing !== undefined, waiting: [] }, effects: [] };
  }
}

function begun(state: AuditorState, effects: readonly AuditorEffect[]): AuditorStep {
  const [order, ...waiting] = state.waiting;
  if (state.doing || !order) return { state, effects };
  return { state: { ...state, doing: order, waiting }, effects: [...effects, { kind: 'repeat', order }] };
}

function answer({ run, term, from, shards }: AuditOrder, found: Repeated): AuditorEffect {
  const at = { run, term, from, shards: shards.map(({ ticket }) => ticket.shard) };
  return { kind: 'say', message: { type: 'outputs', ...at, ...found } };
}
