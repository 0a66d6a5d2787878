/** What a heartbeat says of a shard: how far it is, how fast since the last one, and what holds it up. */
import { HEARTBEAT_MS } from '../roles/liveness.ts';
import type { HostedShard } from '../roles/trainer.ts';
import type { ShardReport } from '../wire/messages.ts';
import type { ShardHost } from './shard-host.ts';

/** As of the last report. */
export interface Meter {
  readonly ticks: number;
  readonly busy: number;
  readonly at: number;
  /** When it last went on. */
  readonly since: number;
  readonly calls: number;
}

/** Of its time in device work, a shard that is so busy is held up by nothing else. */
const BUSY = 0.8;
const MAX_REASON_CHARACTERS = 300;

/** @param isDirect whether there is a straight way to a neighbour's key */
export function measured(
  shard: HostedShard,
  host: ShardHost,
  known: Meter | undefined,
  now: number,
  isDirect: (key: string) => boolean,
): { readonly report: ShardReport; readonly meter: Meter } {
  const { run, term, calls, phase } = shard;
  const { ticks, busyMilliseconds, awaits, borders } = host;
  const before = known ?? { ticks, busy: busyMilliseconds, at: now - HEARTBEAT_MS, since: now, calls };
  const seconds = Math.max(1e-3, (now - before.at) / 1000);
  const moved = before.calls !== calls || before.ticks !== ticks;
  const busy = Math.min(1, (busyMilliseconds - before.busy) / 1000 / seconds);
  const held = phase === 'waiting' && !shard.dispute && awaits !== '';
  const report: ShardReport = {
    ...{ run, term, shard: shard.shard, calls, busy },
    state: phase === 'saving' ? 'running' : phase === 'paused' ? 'waiting' : phase,
    ticksPerSecond: (ticks - before.ticks) / seconds,
    bytesSent: borders.traffic.sent,
    bytesReceived: borders.traffic.received,
    borders: borders.owners.length,
    direct: borders.owners.filter(({ key }) => isDirect(key)).length,
    reason: (held ? `waits for ${awaits}` : shard.reason).slice(0, MAX_REASON_CHARACTERS),
    limit: limitOf(busy, awaits),
    waits: phase === 'waiting' ? host.waits : [],
  };
  return { report, meter: { ticks, busy: busyMilliseconds, at: now, since: moved ? now : before.since, calls } };
}

function limitOf(busy: number, awaits: string): string {
  if (busy >= BUSY || awaits === '') return 'work';
  return `waits for ${awaits}`.slice(0, MAX_REASON_CHARACTERS);
}
