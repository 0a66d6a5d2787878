/** The figures of a plan that a person asks for, once for the table, the picture and `--json`. */
import type { Plan, PlanPredicted, PlanShard } from '../../../spec/plan.ts';

export interface ShardFigures {
  readonly shard: number;
  /** Absent where the machines are not given. */
  readonly machine: string | null;
  /** Nodes, or tiles of them; `holds` names them. */
  readonly nodes: number;
  readonly holds: readonly string[];
  readonly parameters: number;
  /** Bytes as its trainer counts them, as if one batch were all data, and of how many that its machine has. */
  readonly memory: number;
  readonly memoryLimit: number | null;
  readonly flopPerBatch: number;
  readonly flopPerTick: number | null;
  /** Bytes that the shard sends and gets in a tick, as f32. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly borderBytes: number;
  readonly ticksPerSecond: number | null;
  /** The part that takes longest there: `compute`, `frames`, `upload` or `download`. */
  readonly limit: string | null;
}

export interface PlanFigures {
  readonly model: string;
  readonly compiler: string;
  readonly task: string | null;
  readonly rule: string | null;
  readonly batch: number | null;
  readonly ticks: number | null;
  readonly shards: readonly ShardFigures[];
  readonly totals: {
    readonly shards: number;
    readonly nodes: number;
    readonly parameters: number;
    readonly memory: number;
    readonly flopPerBatch: number;
    readonly flopPerTick: number | null;
    /** Every byte once: what all shards send. */
    readonly borderBytes: number;
    readonly borderBytesPerBatch: number;
    readonly ticksPerSecond: number | null;
  };
  readonly bottleneck: {
    readonly shard: number;
    readonly machine: string;
    readonly by: string;
    readonly to: string | null;
    readonly secondsPerTick: number;
    readonly help: string;
  } | null;
  readonly borders: readonly {
    readonly from: number;
    readonly to: number;
    readonly bytesPerTick: { readonly f32: number; readonly f16: number };
    readonly messagesPerTick: number;
    readonly bytesPerBatch: number;
  }[];
}

/** @param memory by shard, as trainers count it */
export function figuresOf(plan: Plan, memory: readonly number[]): PlanFigures {
  const { training, predicted } = plan;
  const borders = plan.borders
    .flatMap((b) => b.flows)
    .map(({ from, to, bytesPerTick, messagesPerTick, valuesPerBatch }) => ({
      from,
      to,
      bytesPerTick: { f32: bytesPerTick.f32, f16: bytesPerTick.f16 },
      messagesPerTick,
      bytesPerBatch: 4 * valuesPerBatch,
    }));
  const bytes = traffic(borders);
  const shards = plan.shards.map((s, i) => shardFigures(plan, { ...s, memory: memory[i] ?? s.memory }, i, bytes));
  const sum = (value: (s: ShardFigures) => number | null): number => shards.reduce((n, s) => n + (value(s) ?? 0), 0);
  return {
    model: plan.model,
    compiler: plan.compiler,
    task: training?.task ?? null,
    rule: training?.rule ?? null,
    batch: training?.batch ?? null,
    ticks: predicted?.ticks ?? training?.ticks ?? null,
    shards,
    totals: {
      shards: shards.length,
      nodes: sum((s) => s.nodes),
      parameters: sum((s) => s.parameters),
      memory: sum((s) => s.memory),
      flopPerBatch: sum((s) => s.flopPerBatch),
      flopPerTick: predicted ? sum((s) => s.flopPerTick) : null,
      borderBytes: sum((s) => s.sentBytes),
      borderBytesPerBatch: borders.reduce((n, b) => n + b.bytesPerBatch, 0),
      ticksPerSecond: predicted ? perSecond(predicted.tick) : null,
    },
    bottleneck: predicted ? bottleneckOf(plan, predicted) : null,
    borders,
  };
}

/** Names that the compiler makes up say nothing. */
function machineName(predicted: PlanPredicted | undefined, shard: number): string | null {
  const name = predicted?.machines[shard]?.name;
  return name === undefined || name === `shard-${shard}` ? null : name;
}

/** Bytes of a tick as f32, by shard. */
interface Traffic {
  readonly sent: ReadonlyMap<number, number>;
  readonly received: ReadonlyMap<number, number>;
}

function shardFigures(plan: Plan, s: PlanShard, i: number, bytes: Traffic): ShardFigures {
  const { predicted } = plan;
  const time = predicted?.shards[i];
  const [limit, seconds] = time ? slowest(time) : [null, 0];
  const sentBytes = bytes.sent.get(s.id) ?? 0;
  const receivedBytes = bytes.received.get(s.id) ?? 0;
  return {
    shard: s.id,
    machine: machineName(predicted, i),
    nodes: s.nodes.length,
    holds: s.nodes,
    parameters: s.parameterCount,
    memory: s.memory,
    memoryLimit: predicted?.machines[i]?.memory ?? null,
    flopPerBatch: s.flopsPerBatch,
    flopPerTick: s.flopsPerTick ?? null,
    sentBytes,
    receivedBytes,
    borderBytes: sentBytes + receivedBytes,
    ticksPerSecond: perSecond(seconds),
    limit,
  };
}

function traffic(flows: PlanFigures['borders']): Traffic {
  const sent = new Map<number, number>();
  const received = new Map<number, number>();
  for (const { from, to, bytesPerTick } of flows) {
    sent.set(from, (sent.get(from) ?? 0) + bytesPerTick.f32);
    received.set(to, (received.get(to) ?? 0) + bytesPerTick.f32);
  }
  return { sent, received };
}

const perSecond = (seconds: number): number | null => (seconds > 0 ? 1 / seconds : null);

function slowest(time: PlanPredicted['shards'][number]): readonly [string, number] {
  const all = [
    [workOrFrames(time), time.compute],
    ['upload', time.upload],
    ['download', time.download],
  ] as const;
  return all.reduce((worst, next) => (next[1] > worst[1] ? next : worst));
}

/** The part that most of a processor's time goes into. */
function workOrFrames({ compute, frames = 0 }: PlanPredicted['shards'][number]): 'compute' | 'frames' {
  return 2 * frames > compute ? 'frames' : 'compute';
}

function bottleneckOf(plan: Plan, { limit, shards, tick, machines }: PlanPredicted): PlanFigures['bottleneck'] {
  const name = (shard: number): string => machines[shard]?.name ?? `shard ${shard}`;
  const mean = shards.reduce((sum, s) => sum + s.compute, 0) / Math.max(1, shards.length);
  const only = plan.shards[limit.shard]?.nodes.length === 1;
  const uneven = `a shard is busy ${((100 * mean) / tick).toFixed(0)} % of that time on average`;
  const time = shards[limit.shard];
  const by = limit.by === 'compute' && time ? workOrFrames(time) : limit.by;
  const help =
    by === 'frames'
      ? 'fewer shards, or a larger model: frames take longer than the work'
      : by !== 'compute'
        ? `a faster ${by}, half as wide frames (f16), or fewer shards`
        : tick <= 1.05 * mean
          ? 'more shards, or faster machines: the work is even'
          : only
            ? `a faster machine there, or a smaller ${plan.shards[limit.shard]?.nodes[0] ?? 'node'}; ${uneven}`
            : `a faster machine there; ${uneven}`;
  return {
    shard: limit.shard,
    machine: name(limit.shard),
    by,
    to: limit.to === undefined ? null : name(limit.to),
    secondsPerTick: tick,
    help,
  };
}
