/** Devices and disks of a simulated mesh: all states are the same there, and every part is sound. */

import type { SynchronizerEffect, SynchronizerEvent } from '../roles/synchronizer-state.ts';
import type { SavedPart } from '../roles/trainer-state.ts';
import type { StretchName } from '../wire/ticket.ts';

export const NO_PART: SavedPart = {
  blob: '0'.repeat(64),
  hash: '0'.repeat(64),
  totals: {},
  signature: '0'.repeat(128),
};

type Asked = Extract<SynchronizerEffect, { kind: 'verify' | 'check' | 'audit' | 'pledge' }>;

/** What a trainer says of a stretch of another one, by their keys; nothing: it does not answer. */
export type SaysOf = (auditor: string, trainer: string, isRight: boolean) => 'match' | 'mismatch' | undefined;

/** @param isThere whether a trainer is connected, @param stateOf hash of what comes out of a stretch that ends there */
export function answerTo(
  effect: Asked,
  isThere: (trainer: string) => boolean,
  stateOf: (stretch: StretchName, calls: number) => string,
  says: SaysOf = () => undefined,
): SynchronizerEvent {
  if (effect.kind === 'pledge') return { ...effect, kind: 'pledged', secret: `secret of ${effect.run}/${effect.term}` };
  if (effect.kind === 'audit') {
    const { run, term, from, trainer, auditor } = effect;
    const at = { kind: 'audited', run, term, from, trainer } as const;
    if (!isThere(trainer)) return { ...at, verdict: 'away' };
    const wrong = effect.shards.find(({ shard, hash }) => hash !== stateOf({ run, shard, term, from }, effect.to));
    if (auditor !== undefined) {
      const said = isThere(auditor) ? says(auditor, trainer, wrong === undefined) : undefined;
      return { ...at, auditor, ...(said ? { verdict: said } : { verdict: 'away', why: 'it does not answer' }) };
    }
    const found = { ...at, exact: true };
    return wrong
      ? { ...found, verdict: 'mismatch', shard: wrong.shard, call: effect.to }
      : { ...found, verdict: 'match' };
  }
  if (effect.kind === 'check')
    return { kind: 'checked', run: effect.run, calls: effect.calls, problem: 'nothing is computed here' };
  const { run, term, shard, calls } = effect.part;
  return { kind: 'verified', run, term, shard, calls };
}
