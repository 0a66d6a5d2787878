/**
 * A recording of what entered a synchronizer's state machine, so that a run can be gone through again: a base (the
 * whole state), the events behind it with their times, and hashes of what came of them. The machine is pure, so the
 * same code makes the same effects and the same state of them; where it does not, the recording or the code is another
 * one.
 */
import { hex, sha256 } from '../wire/hash.ts';
import { synchronizer } from './synchronizer.ts';
import type { Step, SynchronizerEffect, SynchronizerEvent, SynchronizerState } from './synchronizer-state.ts';

/** Time, event, and the hash of its effects where it had any. */
export type RecordedEvent =
  | readonly [at: number, event: SynchronizerEvent]
  | readonly [at: number, event: SynchronizerEvent, effects: string];

export interface RecordedPiece {
  /** The state that the events begin from, where they do not begin from where the last piece has ended. */
  readonly base?: SynchronizerState;
  readonly events: readonly RecordedEvent[];
  /** Hash of the state behind the last event. */
  readonly state: string;
}

export interface ReplayedStep extends Step {
  readonly at: number;
  readonly event: SynchronizerEvent;
  /** Differences from the recording; nothing where there are none. */
  readonly difference?: string;
  /** The machine began again from a recorded state, before this event. */
  readonly fromBase: boolean;
}

/** Collects what enters one state machine, piece by piece. */
export class Recording {
  #pieces: RecordedPiece[] = [];
  #base: SynchronizerState | undefined;
  #events: RecordedEvent[] = [];
  #last: SynchronizerState | undefined;

  /** Wherever the machine does not go on from the last state, a new piece begins with a base. */
  note(before: SynchronizerState, event: SynchronizerEvent, at: number, { state, effects }: Step): void {
    if (before !== this.#last) {
      this.#endPiece();
      this.#base = before;
    }
    this.#events.push(effects.length === 0 ? [at, event] : [at, event, hashOf(effects)]);
    this.#last = state;
  }

  /** Notes since they were last taken. @param rebase the next piece begins with a base, wherever it goes on */
  take(rebase = false): readonly RecordedPiece[] {
    this.#endPiece();
    const taken = this.#pieces;
    this.#pieces = [];
    if (rebase) this.#last = undefined;
    return taken;
  }

  #endPiece(): void {
    if (this.#last && this.#events.length > 0)
      this.#pieces.push({
        ...(this.#base ? { base: this.#base } : {}),
        events: this.#events,
        state: hashOf(this.#last),
      });
    this.#base = undefined;
    this.#events = [];
  }
}

/** Pieces before the first base cannot be gone through: their beginning is no longer kept. */
export function* replay(pieces: Iterable<RecordedPiece>): Generator<ReplayedStep> {
  let state: SynchronizerState | undefined;
  for (const piece of pieces) {
    state = piece.base ?? state;
    if (!state) continue;
    for (const [i, [at, event, expected]] of piece.events.entries()) {
      const step: Step = synchronizer(state, event, at);
      const difference = differenceOf(step, expected, i === piece.events.length - 1 ? piece.state : undefined);
      state = step.state;
      const fromBase = i === 0 && piece.base !== undefined;
      yield { ...step, at, event, fromBase, ...(difference === undefined ? {} : { difference }) };
    }
  }
}

function differenceOf({ state, effects }: Step, expected: string | undefined, last?: string): string | undefined {
  const made = effects.length === 0 ? undefined : hashOf(effects);
  if (made !== expected) return `the effects are others: ${effects.map(nameOf).join(', ') || 'none'}`;
  return last === undefined || hashOf(state) === last ? undefined : 'the state is another one';
}

/** An effect in a word or two. */
export function nameOf(effect: SynchronizerEffect): string {
  switch (effect.kind) {
    case 'send':
      return `send ${effect.message.type}`;
    case 'log':
      return `log ${String(effect.event.event)}`;
    case 'verify':
      return `verify part ${effect.part.calls} of shard ${effect.part.shard}`;
    default:
      return effect.kind;
  }
}

/** As JSON says it, which is how it is kept: what JSON does not know differs in neither. */
function hashOf(value: unknown): string {
  return hex(sha256(new TextEncoder().encode(JSON.stringify(value)))).slice(0, 16);
}
