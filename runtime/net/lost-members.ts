/** Trainers that were here and have gone without a word: for a while the status of the mesh says so. */
import type { Step, SynchronizerEvent, SynchronizerState } from '../roles/synchronizer-state.ts';

/** How long one is told of, in milliseconds. */
const TOLD_MS = 3_600_000;
const MAX_TOLD = 32;

export interface LostMember {
  readonly name: string;
  readonly key: string;
  /** Seconds. */
  readonly ago: number;
  readonly why: string;
}

export class LostMembers {
  readonly #lost = new Map<string, { readonly name: string; readonly at: number; readonly why: string }>();

  /** Compares the members before and after an event. */
  note(before: SynchronizerState, event: SynchronizerEvent, at: number, { state, effects }: Step): void {
    if (before.members === state.members || event.kind === 'signs') return;
    for (const key of this.#lost.keys()) if (state.members[key]?.name) this.#lost.delete(key);
    for (const { key, name } of Object.values(before.members)) {
      if (state.members[key] || name === '') continue;
      // It wanted to go.
      if (effects.some((effect) => effect.kind === 'dismiss' && effect.key === key)) continue;
      const why = event.kind === 'expelled' ? event.reason : 'it was silent for too long';
      this.#lost.set(key, { name, at, why });
      const [oldest] = this.#lost.keys();
      if (this.#lost.size > MAX_TOLD && oldest !== undefined) this.#lost.delete(oldest);
    }
  }

  told(now: number): LostMember[] {
    return [...this.#lost]
      .filter(([, { at }]) => now - at < TOLD_MS)
      .map(([key, { name, at, why }]) => ({ name, key, ago: (now - at) / 1000, why }));
  }
}
