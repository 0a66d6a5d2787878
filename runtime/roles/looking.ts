/**
 * Looks at shards that wait, much more often than heartbeats go: one that waits for much longer than usual asks its
 * neighbours whether something was lost. In lockstep a lost frame holds up all shards, and nothing behind it shows the
 * gap; where one frame in twenty is lost, to ask after two seconds alone would cost two seconds in every few ticks.
 */
import type { Deployment } from '../wire/deployment.ts';
import { FRAMES_BYTES } from './shard-report.ts';
import type {
  HostedShard,
  Measure,
  Measured,
  Pace,
  TrainerEffect,
  TrainerState,
  TrainerStep,
} from './trainer-state.ts';

/** Milliseconds between two looks. */
export const LOOK_MS = 50;
/** So many of its usual waits, between the two. */
const WAITS = 4;
const [MIN_PATIENCE_MS, MAX_PATIENCE_MS] = [150, 2000];
/** A longer wait moves what is usual up, a shorter one down: it stays where a quarter of them are shorter. */
const [UP, DOWN] = [1.06, 1.2];

export function look(state: TrainerState, { now, shards: measures }: Measured): TrainerStep {
  const shards: Record<string, HostedShard> = { ...state.shards };
  const effects: TrainerEffect[] = [];
  for (const [name, shard] of Object.entries(state.shards)) {
    const measure = measures[name];
    if (!measure) continue;
    const pace = paceOf(shard, measure, now);
    const asks = shard.phase === 'waiting' && !shard.dispute && now - pace.from > patienceOf(pace, shard.deployment);
    shards[name] = { ...shard, pace: asks ? { ...pace, from: now, asked: pace.asked + 1 } : pace };
    const { run, term, shard: number } = shard;
    if (asks) effects.push({ kind: 'resume', at: { run, term, shard: number } });
  }
  return { state: { ...state, shards }, effects };
}

/**
 * It asks again after twice the time, and so on: a neighbour that is slow or gone has nothing to send. Where one that does
 * not answer is done without, the second question, which decides on that, comes as soon as the first.
 */
function patienceOf({ usual, asked }: Pace, deployment: Deployment | undefined): number {
  const doubled = deployment?.late ? Math.max(0, asked - 1) : asked;
  return Math.min(MAX_PATIENCE_MS, Math.max(MIN_PATIENCE_MS, WAITS * usual) * 2 ** doubled);
}

function paceOf({ pace, calls }: HostedShard, { ticks, bytesReceived: received }: Measure, now: number): Pace {
  if (!pace) return { ticks, calls, received, since: now, from: now, usual: MAX_PATIENCE_MS / WAITS, asked: 0 };
  const moved = pace.ticks !== ticks || pace.calls !== calls || received - pace.received >= FRAMES_BYTES;
  if (!moved) return pace;
  // The lower quartile, and not the mean: where many frames are lost most waits are for those.
  const usual = now - pace.since > pace.usual ? UP * pace.usual : pace.usual / DOWN;
  const known = { ticks, calls, received, since: now, from: now };
  return { ...known, usual: Math.min(MAX_PATIENCE_MS, Math.max(LOOK_MS, usual)), asked: 0 };
}
