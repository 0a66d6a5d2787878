/** `/metrics` of a synchronizer, in the text form of Prometheus. */
import type { SynchronizerState } from '../roles/synchronizer-state.ts';
import type { GatewayCounters } from './gateway.ts';
import { meshStatus } from './mesh-status.ts';

export function metricsText(state: SynchronizerState, counters: GatewayCounters): string {
  const { runs, trainers } = meshStatus(state, counters);
  const lines = [
    ...gauge('nmc_trainers', 'Trainers by state', countBy(trainers.map((t) => t.state)), 'state'),
    ...gauge('nmc_runs', 'Runs by state', countBy(runs.map((r) => r.state)), 'state'),
    ...gauge('nmc_refused_total', 'Messages refused, by reason', counters.refused, 'reason'),
    '# TYPE nmc_relayed_bytes_total counter',
    `nmc_relayed_bytes_total ${counters.relayedBytes}`,
    '# TYPE nmc_shard_ticks_per_second gauge',
    ...runs.flatMap(({ run, shards }) =>
      shards.map((s) => `nmc_shard_ticks_per_second{run="${run}",shard="${s.shard}"} ${s.ticksPerSecond}`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function gauge(name: string, help: string, values: Readonly<Record<string, number>>, label: string): string[] {
  const rows = Object.entries(values).map(([key, value]) => `${name}{${label}=${JSON.stringify(key)}} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}`, ...rows];
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
