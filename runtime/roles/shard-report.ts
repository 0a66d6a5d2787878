/** Report of a shard in a heartbeat: how far it is, how fast since the last one, and what holds it up. */
import type { ShardReport } from '../wire/messages.ts';
import { HEARTBEAT_MS } from './liveness.ts';
import type { HostedShard, Measure, Meter } from './trainer-state.ts';

/** Of its time in device work, a shard that is so busy is held up by nothing else. */
const BUSY = 0.8;
const MAX_REASON_CHARACTERS = 300;
/** More between two heartbeats than neighbours take to ask each other: frames are on their way, however slowly. */
export const FRAMES_BYTES = 16 * 1024;

export function reportOf(
  shard: HostedShard,
  measure: Measure,
  now: number,
): { readonly report: ShardReport; readonly meter: Meter } {
  const { run, term, calls, phase } = shard;
  const { ticks, busyMilliseconds, awaits, bytesReceived: received } = measure;
  const before = shard.meter ?? { ticks, busy: busyMilliseconds, at: now - HEARTBEAT_MS, since: now, calls, received };
  const seconds = Math.max(1e-3, (now - before.at) / 1000);
  const moved = before.calls !== calls || before.ticks !== ticks || received - before.received >= FRAMES_BYTES;
  const busy = Math.min(1, (busyMilliseconds - before.busy) / 1000 / seconds);
  const held = phase === 'waiting' && !shard.dispute && awaits !== '';
  const report: ShardReport = {
    ...{ run, term, shard: shard.shard, calls, busy },
    state: phase === 'saving' ? 'running' : phase === 'paused' ? 'waiting' : phase,
    ticksPerSecond: (ticks - before.ticks) / seconds,
    bytesSent: measure.bytesSent,
    bytesReceived: received,
    borders: measure.borders,
    direct: measure.direct,
    reason: (held ? `waits for ${awaits}` : shard.reason).slice(0, MAX_REASON_CHARACTERS),
    limit: limitOf(busy, awaits),
    waits: phase === 'waiting' ? measure.waits : [],
  };
  const since = moved ? now : before.since;
  return { report, meter: { ticks, busy: busyMilliseconds, at: now, since, calls, received } };
}

function limitOf(busy: number, awaits: string): string {
  if (busy >= BUSY || awaits === '') return 'work';
  return `waits for ${awaits}`.slice(0, MAX_REASON_CHARACTERS);
}
