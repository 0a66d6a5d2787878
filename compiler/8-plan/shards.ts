/** A plan of several shards: their programs, schedules and files, what crosses between them, and how fast that will be. */
import { parseTile, TRAIN } from '../../spec/names.ts';
import type { Plan, PlanPart, PlanPredicted, PlanShard, Sink } from '../../spec/plan.ts';
import type { Machines } from '../6-partition/problem.ts';
import type { ShardProgram } from '../6-partition/shards/split.ts';
import { batchFlops, shardMemory, ticksIn } from '../6-partition/shards/work.ts';
import type { Tiling } from '../6-partition/tiles/tiling.ts';
import type { ShardFile } from '../7-kernels/onnx/shards.ts';
import { countBorders } from './borders.ts';
import { bytesPart, draftPlan, type PlanDraft, type PlanSource, programPart } from './build.ts';
import { writeCanonical } from './canonical.ts';

const BYTES = 4;

export interface ShardsSource {
  readonly shards: readonly ShardProgram[];
  /** Nodes (or tiles of them) of each shard. */
  readonly nodes: readonly (readonly string[])[];
  /** Where nodes are cut. */
  readonly tiling: Tiling;
  readonly files: readonly (readonly ShardFile[])[];
  readonly machines: Machines;
}

/** @param source of the model as one shard; its programs are replaced */
export function draftShardedPlan(source: PlanSource, cut: ShardsSource): PlanDraft {
  const whole = draftPlan({ ...source, cpu: new Map() });
  const name = source.task ? TRAIN : (whole.plan.predictions[0]?.function ?? '');
  const ticks = Math.max(1, ...cut.shards.map((shard) => ticksIn(shard, name)));
  const shards = cut.shards.map((shard, i) => {
    const tiles = tilesAmong(cut.nodes[i] ?? [], cut.tiling);
    const flops = batchFlops(shard, name);
    const perBatch = name === TRAIN ? flops : batchFlops(shard, TRAIN);
    return shardOf(shard, { nodes: cut.nodes[i] ?? [], tiles }, cut.files[i] ?? [], {
      flopsPerBatch: perBatch,
      flopsPerTick: flops / ticks,
    });
  });
  const borders = countBorders(
    cut.shards.map((s) => s.schedule),
    name,
  );
  const plan: Plan = { ...whole.plan, shards, borders, predicted: predict(shards, borders, cut.machines, ticks) };
  const built = cut.shards.map((shard, i) => ({
    ...shard,
    files: new Map((cut.files[i] ?? []).map((f) => [f.name, f.bytes])),
  }));
  return { plan, program: source.program, parts: partsOf(cut), shards: built };
}

/** Graphs and kernels that shards share are there once. */
function partsOf({ shards, files }: ShardsSource): PlanPart[] {
  const parts = new Map<string, PlanPart>();
  shards.forEach(({ program, schedule }, i) => {
    const path = `shards/${i}/schedule.json`;
    const own = [
      programPart(`shards/${i}/program.txt`, program),
      { path, write: (sink: Sink) => writeCanonical(schedule, sink) },
      ...(files[i] ?? []).map((f) => bytesPart(f.path, f.bytes)),
    ];
    for (const part of own) parts.set(part.path, part);
  });
  return [...parts.values()];
}

function tilesAmong(names: readonly string[], tiling: Tiling): NonNullable<PlanShard['tiles']> {
  return names.flatMap((name) => {
    const { whole = '', tile = 0 } = parseTile(name) ?? {};
    const offsets = tiling.get(whole);
    const [from, to] = [offsets?.[tile], offsets?.[tile + 1]];
    return from === undefined || to === undefined ? [] : [{ name, from, to }];
  });
}

function shardOf(
  { program, schedule }: ShardProgram,
  { nodes, tiles }: Pick<PlanShard, 'nodes' | 'tiles'>,
  files: readonly ShardFile[],
  flops: Pick<PlanShard, 'flopsPerBatch' | 'flopsPerTick'>,
): PlanShard {
  const parameters = program.states.filter((s) => s.role === 'parameter');
  return {
    id: schedule.shard,
    nodes,
    ...(tiles && tiles.length > 0 ? { tiles } : {}),
    parameters: parameters.map(({ id, shape, init }) => ({ name: id, shape, init })),
    parameterCount: parameters.reduce((sum, s) => sum + s.shape.reduce((a, b) => a * b, 1), 0),
    memory: shardMemory({ program, schedule }),
    ...flops,
    program: `shards/${schedule.shard}/program.txt`,
    schedule: `shards/${schedule.shard}/schedule.json`,
    cpu: files.map((f) => f.path),
    cpuNames: files.map((f) => f.name),
  };
}

/**
 * A machine's time for a tick is the largest of its work and what it sends and gets: all three go on side by side. What
 * a batch does once, before its ticks and after them, is spread over them, as the partitioner has it.
 */
function predict(
  shards: readonly PlanShard[],
  borders: Plan['borders'],
  machines: Machines,
  ticks: number,
): PlanPredicted {
  const sent = shards.map(() => 0);
  const got = shards.map(() => 0);
  const flows = borders
    .flatMap((b) => b.flows)
    .map(({ from, to, valuesPerBatch }) => ({ from, to, bytes: (valuesPerBatch * BYTES) / ticks }));
  for (const { from, to, bytes } of flows) {
    sent[from] = (sent[from] ?? 0) + bytes;
    got[to] = (got[to] ?? 0) + bytes;
  }
  const times = shards.map((shard, i) => {
    const machine = machines.list[i];
    return {
      compute: (shard.flopsPerTick ?? 0) / (machine?.rate ?? 1),
      upload: (sent[i] ?? 0) / (machine?.upload ?? Infinity),
      download: (got[i] ?? 0) / (machine?.download ?? Infinity),
    };
  });
  let limit: PlanPredicted['limit'] = { shard: 0, by: 'compute' };
  let tick = 0;
  times.forEach((time, shard) => {
    for (const by of ['compute', 'upload', 'download'] as const)
      if (time[by] > tick) {
        tick = time[by];
        limit = { shard, by };
      }
  });
  for (const { from, to, bytes } of machines.bandwidth ? flows : []) {
    const seconds = bytes / (machines.bandwidth?.[from * machines.list.length + to] ?? Infinity);
    if (seconds <= tick) continue;
    tick = seconds;
    limit = { shard: from, by: 'link', to };
  }
  const finite = (n: number): number | null => (Number.isFinite(n) ? n : null);
  return {
    ticks,
    machines: machines.list.map((m) => ({
      name: m.name,
      rate: m.rate,
      upload: finite(m.upload),
      download: finite(m.download),
      ...(Number.isFinite(m.memory) ? { memory: m.memory } : {}),
    })),
    shards: times,
    tick,
    limit,
  };
}
