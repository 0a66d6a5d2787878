/** `/metrics` of a synchronizer, in the text form of Prometheus. */
import type { SynchronizerState } from '../roles/synchronizer-state.ts';
import { printable } from '../support/printable.ts';
import type { GatewayCounters } from './gateway.ts';
import { meshStatus, type RunStatus, type ShardStatus } from './mesh-status.ts';

type Labels = Readonly<Record<string, string | number>>;
type Row = readonly [labels: Labels, value: number];

export function metricsText(state: SynchronizerState, counters: GatewayCounters): string {
  const { runs, trainers } = meshStatus(state, counters);
  const shards = (rows: (shard: ShardStatus) => readonly Row[]): Row[] => perShard(runs, rows);
  const lines = [
    ...metric('nmc_trainers', 'Trainers by state', counted('state', countBy(trainers.map((t) => t.state)))),
    ...metric('nmc_runs', 'Runs by state', counted('state', countBy(runs.map((r) => r.state)))),
    ...metric(
      'nmc_trainer_shards',
      'Shards that a trainer has, by run',
      trainers.flatMap(({ name, work = [] }) =>
        work.map(({ run, shards: own }): Row => [{ trainer: name, run }, own.length]),
      ),
    ),
    ...metric(
      'nmc_trainer_used_bytes',
      'Memory that the shards of a trainer hold',
      trainers.map(({ name, used = 0 }): Row => [{ trainer: name }, used]),
    ),
    ...metric(
      'nmc_run_trainers',
      'Trainers that work for a run; one that works for two runs is half a trainer to each',
      runs.flatMap(({ run, share = 0, fairShare }): Row[] => (fairShare === undefined ? [] : [[{ run }, share]])),
    ),
    ...metric(
      'nmc_shard_trainer',
      'The trainer of a shard',
      shards((s) => (s.trainer === null ? [] : [[{ trainer: s.trainer }, 1]])),
    ),
    ...metric('nmc_refused_total', 'Messages refused, by reason', counted('reason', counters.refused)),
    ...metric('nmc_relayed_bytes_total', 'Bytes of border packets that went through the relay', [
      [{}, counters.relayedBytes],
    ]),
    ...metric(
      'nmc_shard_ticks_per_second',
      'Ticks of whole batches',
      shards((s) => [[{}, s.ticksPerSecond]]),
    ),
    ...metric(
      'nmc_shard_busy',
      'Share of time in device work',
      shards((s) => [[{}, s.busy]]),
    ),
    ...metric(
      'nmc_shard_borders',
      'Borders with shards of other trainers, by the way of their frames',
      shards((s) => [
        [{ way: 'direct' }, s.direct],
        [{ way: 'relay' }, s.borders - s.direct],
      ]),
    ),
    ...metric(
      'nmc_shard_border_bytes_total',
      'Bytes of border packets',
      shards((s) => [
        [{ direction: 'sent' }, s.bytesSent],
        [{ direction: 'received' }, s.bytesReceived],
      ]),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** One metric; its kind follows from its name. What is not a number is left out. */
function metric(name: string, help: string, rows: readonly Row[]): string[] {
  const lines = rows
    .filter(([, value]) => Number.isFinite(value))
    .map(([labels, value]) => `${name}${labelsText(labels)} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}`, ...lines];
}

function perShard(runs: readonly RunStatus[], rowsOf: (shard: ShardStatus) => readonly Row[]): Row[] {
  return runs.flatMap(({ run, shards }) =>
    shards.flatMap((shard) =>
      rowsOf(shard).map(([labels, value]): Row => [{ run, shard: shard.shard, ...labels }, value]),
    ),
  );
}

/** In one line each, whatever names from outside hold: those of runs are chosen by operators, words by trainers. */
export function labelsText(labels: Labels): string {
  const entries = Object.entries(labels).map(([name, value]) => `${name}="${escapedLabel(String(value))}"`);
  return entries.length === 0 ? '' : `{${entries.join(',')}}`;
}

const MAX_LABEL_LENGTH = 128;

/** Of the three escapes of the format the one of a newline is never needed. */
function escapedLabel(value: string): string {
  return printable(value, MAX_LABEL_LENGTH).replace(/[\\"]/g, '\\$&');
}

function counted(label: string, counts: Readonly<Record<string, number>>): Row[] {
  return Object.entries(counts).map(([key, value]) => [{ [label]: key }, value]);
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
