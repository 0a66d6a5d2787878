/** `nmc show PLAN`: what each shard holds, does and exchanges, what limits the whole, and what would help. */
import type { Plan, PlanPredicted, PlanShard } from '../../spec/plan.ts';
import { emit } from '../support/emit.ts';
import { formatBytes, formatCount } from '../support/format-numbers.ts';
import { EXIT } from './command.ts';
import { openPlan } from './open-plan.ts';

export function showPlan(folder: string, asJson: boolean): number {
  const { plan } = openPlan(folder);
  if (asJson) {
    emit({ ...plan });
    return EXIT.done;
  }
  process.stdout.write(
    `${headOf(plan)}\n\n${tableOf(plan)}\n${plan.predicted ? bottleneckOf(plan, plan.predicted) : ''}`,
  );
  for (const p of plan.predictions)
    process.stdout.write(`\npredict ${p.task}: ${p.reads.map((r) => r.name).join(', ')}`);
  for (const c of plan.checks) process.stdout.write(`\ncheck ${c.text}`);
  process.stdout.write('\n');
  return EXIT.done;
}

function headOf({ model, compiler, training }: Plan): string {
  const task = training ? ` · ${training.task}: ${training.rule}, batches of ${training.batch}` : '';
  return `${model} · ${compiler}${task}`;
}

/** Rows of cells, the first on the left, the others on the right. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')).join('\n');
}

function tableOf(plan: Plan): string {
  const { shards, predicted } = plan;
  if (!predicted)
    return columns([
      ['shard', 'nodes', 'parameters', 'memory', 'work/batch'],
      ...shards.map((s) => [...commonCells(s), `${(s.flopsPerBatch / 1e6).toFixed(1)} MFLOP`]),
    ]);
  const out = traffic(plan, 'from');
  const back = traffic(plan, 'to');
  const totals = [
    'all',
    String(shards.reduce((n, s) => n + s.nodes.length, 0)),
    formatCount(shards.reduce((n, s) => n + s.parameterCount, 0)),
    formatBytes(shards.reduce((n, s) => n + s.memory, 0)),
    megaflops(shards.reduce((n, s) => n + (s.flopsPerTick ?? 0), 0)),
    formatBytes(out.reduce((a, b) => a + b, 0)),
    formatBytes(back.reduce((a, b) => a + b, 0)),
    rate(predicted.tick),
    '',
  ];
  return columns([
    ['shard', 'nodes', 'parameters', 'memory', 'work/tick', 'out/tick', 'in/tick', 'ticks/s', 'limited by'],
    ...shards.map((s, i) => {
      const time = predicted.shards[i] ?? { compute: 0, upload: 0, download: 0 };
      const [by, seconds] = slowest(time);
      return [
        ...commonCells(s),
        megaflops(s.flopsPerTick ?? 0),
        formatBytes(out[i] ?? 0),
        formatBytes(back[i] ?? 0),
        rate(seconds),
        by,
      ];
    }),
    totals,
  ]);
}

function commonCells(s: PlanShard): string[] {
  return [String(s.id), String(s.nodes.length), formatCount(s.parameterCount), formatBytes(s.memory)];
}

function traffic(plan: Plan, end: 'from' | 'to'): number[] {
  const bytes = plan.shards.map(() => 0);
  for (const flow of plan.borders.flatMap((b) => b.flows))
    bytes[flow[end]] = (bytes[flow[end]] ?? 0) + flow.bytesPerTick.f32;
  return bytes;
}

const megaflops = (flops: number): string => `${(flops / 1e6).toFixed(2)} MFLOP`;
const rate = (seconds: number): string => (seconds > 0 ? formatCount(Math.round(1 / seconds)) : '-');

function slowest(time: PlanPredicted['shards'][number]): readonly [string, number] {
  const all = [
    ['compute', time.compute],
    ['upload', time.upload],
    ['download', time.download],
  ] as const;
  return all.reduce((worst, next) => (next[1] > worst[1] ? next : worst));
}

function bottleneckOf(plan: Plan, { limit, shards, tick, ticks, machines }: PlanPredicted): string {
  const name = machines[limit.shard]?.name ?? `shard ${limit.shard}`;
  const mean = shards.reduce((sum, s) => sum + s.compute, 0) / Math.max(1, shards.length);
  const nodes = plan.shards[limit.shard]?.nodes ?? [];
  const heavy = nodes.length === 1 ? `it holds ${nodes[0]} alone` : `it holds ${nodes.length} pieces`;
  const help =
    limit.by === 'compute'
      ? tick > 1.05 * mean
        ? `a faster machine there; a shard does ${((100 * mean) / tick).toFixed(0)} % of that on average`
        : 'more shards, or faster machines: the work is even'
      : `a faster ${limit.by}, half as wide frames (f16), or fewer shards`;
  return (
    `\nbottleneck  shard ${limit.shard} on ${name}, by ${limit.by} (${heavy}); ${ticks} ticks a batch\n` +
    `would help  ${help}\n`
  );
}
