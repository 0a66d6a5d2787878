/** Devices and disks of a simulated mesh: all states are the same there, and every part is sound. */

import type { SynchronizerEffect, SynchronizerEvent } from '../roles/synchronizer-state.ts';
import type { SavedPart } from '../roles/trainer-state.ts';

export const NO_PART: SavedPart = {
  blob: '0'.repeat(64),
  hash: '0'.repeat(64),
  totals: {},
  signature: '0'.repeat(128),
};

export function answerTo(effect: Extract<SynchronizerEffect, { kind: 'verify' | 'check' }>): SynchronizerEvent {
  if (effect.kind === 'check')
    return { kind: 'checked', run: effect.run, calls: effect.calls, problem: 'nothing is computed here' };
  const { run, term, shard, calls } = effect.part;
  return { kind: 'verified', run, term, shard, calls };
}
