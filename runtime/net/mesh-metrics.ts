/** `/metrics` of a synchronizer, in the text form of Prometheus. */
import type { SynchronizerState } from '../roles/synchronizer-state.ts';
import type { GatewayCounters } from './gateway.ts';
import { meshStatus, type RunStatus, type ShardStatus } from './mesh-status.ts';

export function metricsText(state: SynchronizerState, counters: GatewayCounters): string {
  const { runs, trainers } = meshStatus(state, counters);
  const lines = [
    ...gauge('nmc_trainers', 'Trainers by state', countBy(trainers.map((t) => t.state)), 'state'),
    ...gauge('nmc_runs', 'Runs by state', countBy(runs.map((r) => r.state)), 'state'),
    ...gauge('nmc_refused_total', 'Messages refused, by reason', counters.refused, 'reason'),
    '# TYPE nmc_relayed_bytes_total counter',
    `nmc_relayed_bytes_total ${counters.relayedBytes}`,
    ...perShard('nmc_shard_ticks_per_second', 'Ticks of whole batches', runs, (s) => ({ '': s.ticksPerSecond })),
    ...perShard('nmc_shard_busy', 'Share of time in device work', runs, (s) => ({ '': s.busy })),
    ...perShard(
      'nmc_shard_borders',
      'Borders with shards of other trainers, by the way of their frames',
      runs,
      (s) => ({
        'way="direct"': s.direct,
        'way="relay"': s.borders - s.direct,
      }),
    ),
    ...perShard('nmc_shard_border_bytes_total', 'Bytes of border packets', runs, (s) => ({
      'direction="sent"': s.bytesSent,
      'direction="received"': s.bytesReceived,
    })),
  ];
  return `${lines.join('\n')}\n`;
}

/** @param values by further labels */
function perShard(
  name: string,
  help: string,
  runs: readonly RunStatus[],
  values: (shard: ShardStatus) => Readonly<Record<string, number>>,
): string[] {
  const rows = runs.flatMap(({ run, shards }) =>
    shards.flatMap((shard) =>
      Object.entries(values(shard)).map(([labels, value]) => {
        const all = [`run="${run}"`, `shard="${shard.shard}"`, ...(labels === '' ? [] : [labels])];
        return `${name}{${all.join(',')}} ${value}`;
      }),
    ),
  );
  return [...head(name, help), ...rows];
}

function head(name: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}`];
}

function gauge(name: string, help: string, values: Readonly<Record<string, number>>, label: string): string[] {
  const rows = Object.entries(values).map(([key, value]) => `${name}{${label}=${JSON.stringify(key)}} ${value}`);
  return [...head(name, help), ...rows];
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
