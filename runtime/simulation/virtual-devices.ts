/** What devices and disks of a simulated mesh say: all states are the same there, and every part is sound. */

import type { SynchronizerEffect, SynchronizerEvent } from '../roles/synchronizer-state.ts';
import type { HostedShard, Measure, SavedPart } from '../roles/trainer-state.ts';
import { lastChange } from '../training/calls.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Message, Part, ShardReport } from '../wire/messages.ts';

export const NO_PART: SavedPart = {
  blob: '0'.repeat(64),
  hash: '0'.repeat(64),
  totals: {},
  signature: '0'.repeat(128),
};

export function measureOf(waits: readonly number[]): Measure {
  const nothing = { ticks: 0, busyMilliseconds: 0, bytesSent: 0, bytesReceived: 0, borders: 0, direct: 0 };
  return { ...nothing, awaits: '', waits };
}

export function reportOf(shard: HostedShard, missing: readonly number[]): ShardReport {
  const { run, term, shard: number, phase, calls, reason } = shard;
  const state = phase === 'saving' ? 'running' : phase === 'paused' ? 'waiting' : phase;
  const waits = phase === 'waiting' ? missing : [];
  const nothing = { ticksPerSecond: 0, busy: 0, bytesSent: 0, bytesReceived: 0 };
  return { run, term, shard: number, state, calls, reason, waits, ...nothing };
}

/** All states are the same here. */
export function commitmentFor({ run, term, shard, calls, hash }: Part, deployment: Deployment): Message {
  const states = [{ calls: lastChange(deployment, calls), hash, sig: '' }];
  return { type: 'commit', run, term, shard, states };
}

export function answerTo(effect: SynchronizerEffect): SynchronizerEvent | undefined {
  if (effect.kind === 'verify') {
    const { run, term, shard, calls } = effect.part;
    return { kind: 'verified', run, term, shard, calls };
  }
  if (effect.kind !== 'check') return undefined;
  return { kind: 'checked', run: effect.run, calls: effect.calls, problem: 'nothing is computed here' };
}

/** The newest call of which a shard tells its neighbours. */
export function newestOf({ calls, begun }: HostedShard): number {
  return Math.max(calls, begun - 1);
}
