/** A plan of several shards: their programs, schedules and files, what crosses between them, and how fast that will be. */
import { type Costs, type CountedWork, secondsOfCounted } from '../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../spec/default-machine.ts';
import { parseTile, TRAIN } from '../../spec/names.ts';
import type { Plan, PlanPart, PlanPredicted, PlanShard, Sink } from '../../spec/plan.ts';
import { type Program, sizeOf } from '../../spec/program.ts';
import type { Machines } from '../6-partition/problem.ts';
import type { ShardProgram } from '../6-partition/shards/split.ts';
import { batchFlops, countedBatch, countedWhole, shardMemory, ticksIn } from '../6-partition/shards/work.ts';
import type { Tiling } from '../6-partition/tiles/tiling.ts';
import type { ShardFile } from '../7-kernels/onnx/shards.ts';
import { countBorders } from './borders.ts';
import { bytesPart, draftPlan, type PlanDraft, type PlanSource, programPart, type WholePlan } from './build.ts';
import { writeCanonical } from './canonical.ts';

const BYTES = 4;

export interface ShardsSource {
  readonly shards: readonly ShardProgram[];
  /** Nodes (or tiles of them) of each shard. */
  readonly nodes: readonly (readonly string[])[];
  /** Where nodes are cut. */
  readonly tiling: Tiling;
  /** The CPU's files of a shard: made when they are first asked for. */
  readonly filesOf: (shard: number) => readonly ShardFile[];
  readonly machines: Machines;
}

/** @param source of the model as one shard; its programs are replaced */
export function draftShardedPlan(source: PlanSource, cut: ShardsSource): PlanDraft {
  let made: WholePlan | undefined;
  const whole = (): WholePlan => {
    made ??= wholePlanOf(source, cut);
    return made;
  };
  return { program: source.program, parts: { [Symbol.iterator]: () => partsOf(cut) }, whole };
}

function wholePlanOf(source: PlanSource, cut: ShardsSource): WholePlan {
  const whole = draftPlan({ ...source, cpu: new Map() }).whole();
  const name = source.task ? TRAIN : (whole.plan.predictions[0]?.function ?? '');
  const ticks = Math.max(1, ...cut.shards.map((shard) => ticksIn(shard, name)));
  const shards = cut.shards.map((shard, i) => {
    const tiles = tilesAmong(cut.nodes[i] ?? [], cut.tiling);
    const flops = batchFlops(shard, name);
    const perBatch = name === TRAIN ? flops : batchFlops(shard, TRAIN);
    return shardOf(shard, { nodes: cut.nodes[i] ?? [], tiles }, cut.filesOf(i), {
      flopsPerBatch: perBatch,
      flopsPerTick: flops / ticks,
    });
  });
  const borders = countBorders(
    cut.shards.map((s) => s.schedule),
    name,
  );
  const works = cut.shards.map((shard) => countedBatch(shard, name));
  const predicted = predict({ shards, works, borders, machines: cut.machines, ticks });
  const { training } = whole.plan;
  const inOne = training ? { whole: inOneShard(source.program, training.microbatches ?? 1) } : {};
  const plan: Plan = { ...whole.plan, shards, borders, predicted: { ...predicted, ...inOne } };
  const built = cut.shards.map((shard, i) => ({
    ...shard,
    files: new Map(cut.filesOf(i).map((f) => [f.name, f.bytes])),
  }));
  return { plan, shards: built };
}

/** Graphs and kernels that shards share are there once. */
function* partsOf({ shards, filesOf }: ShardsSource): Generator<PlanPart> {
  const shared = new Set<string>();
  for (const [i, { program, schedule }] of shards.entries()) {
    yield programPart(`shards/${i}/program.txt`, program);
    yield { path: `shards/${i}/schedule.json`, write: (sink: Sink) => writeCanonical(schedule, sink) };
    for (const { path, bytes } of filesOf(i)) {
      if (shared.has(path)) continue;
      shared.add(path);
      yield bytesPart(path, bytes);
    }
  }
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

function inOneShard(program: Program, microbatches: number): NonNullable<PlanPredicted['whole']> {
  const state = program.states.reduce((sum, s) => sum + BYTES * sizeOf(s.shape), 0);
  return { ...countedWhole(program, microbatches), state };
}

interface Predicting {
  readonly shards: readonly PlanShard[];
  /** Of a batch. */
  readonly works: readonly CountedWork[];
  readonly borders: Plan['borders'];
  readonly machines: Machines;
  readonly ticks: number;
}

/**
 * A machine's time for a tick is the largest of its work and what it sends and gets: all three go on side by side, but
 * for frames, which the processor seals and opens. What a batch does once, before its ticks and after them, is spread
 * over them, as the partitioner has it. Machines that have not measured what they can do count the work alone.
 */
function predict({ shards, works, borders, machines, ticks }: Predicting): PlanPredicted {
  const sent = shards.map(() => 0);
  const got = shards.map(() => 0);
  const framed = shards.map(() => 0);
  const costsOf = (i: number): Costs | undefined =>
    machines.list[i]?.costs ?? (machines.assumed ? DEFAULT_MACHINE.costs : undefined);
  const flows = borders
    .flatMap((b) => b.flows)
    .map(({ from, to, valuesPerBatch, messagesPerBatch }) => {
      return { from, to, bytes: (valuesPerBatch * BYTES) / ticks, frames: messagesPerBatch / ticks };
    });
  for (const { from, to, bytes, frames } of flows) {
    sent[from] = (sent[from] ?? 0) + bytes;
    got[to] = (got[to] ?? 0) + bytes;
    for (const end of [from, to]) {
      const costs = costsOf(end);
      if (costs) framed[end] = (framed[end] ?? 0) + (frames * costs.frame + bytes * costs.frameByte) / 2;
    }
  }
  const times = shards.map((shard, i) => {
    const machine = machines.list[i];
    const costs = costsOf(i);
    const work = works[i];
    const frames = framed[i] ?? 0;
    const computing =
      costs && work ? secondsOfCounted(work, costs, 'shard') / ticks : (shard.flopsPerTick ?? 0) / (machine?.rate ?? 1);
    return {
      compute: computing + frames,
      ...(costs ? { frames } : {}),
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
      ...(m.costs ? { cores: m.cores ?? 1, costs: m.costs } : {}),
    })),
    shards: times,
    tick,
    ...(machines.assumed ? { assumed: `${DEFAULT_MACHINE.name}, ${DEFAULT_MACHINE.date}` } : {}),
    limit,
  };
}
