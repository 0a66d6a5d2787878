/** A plan of several shards: their programs, schedules and files, what crosses between them, and how fast that will be. */
import type { Plan, PlanPredicted, PlanShard } from '../../spec/plan.ts';
import { printProgram } from '../../spec/program-text.ts';
import type { Machines } from '../6-partition/problem.ts';
import type { ShardProgram } from '../6-partition/shards/split.ts';
import type { ShardFile } from '../7-kernels/onnx/shards.ts';
import { countBorders, tickOf } from './borders.ts';
import { type BuiltPlan, buildPlan, type PlanSource } from './build.ts';
import { canonicalJson, sha256 } from './canonical.ts';
import { countFlops, countMemory } from './cost.ts';

export interface ShardsSource {
  readonly shards: readonly ShardProgram[];
  /** Nodes (or tiles of them) of each shard. */
  readonly nodes: readonly (readonly string[])[];
  readonly files: readonly (readonly ShardFile[])[];
  readonly machines: Machines;
}

/** @param source of the model as one shard; its programs are replaced */
export function buildShardedPlan(source: PlanSource, cut: ShardsSource): BuiltPlan {
  const whole = buildPlan({ ...source, cpu: new Map() });
  const files = new Map<string, Uint8Array>();
  const shards = cut.shards.map((shard, i) => {
    files.set(`shards/${i}/program.txt`, new TextEncoder().encode(printProgram(shard.program)));
    files.set(`shards/${i}/schedule.json`, canonicalJson(shard.schedule));
    const own = cut.files[i] ?? [];
    for (const { path, bytes } of own) files.set(path, bytes);
    return shardOf(shard, cut.nodes[i] ?? [], own);
  });
  const name = source.task ? 'train' : (whole.plan.predictions[0]?.function ?? '');
  const borders = countBorders(
    cut.shards.map((s) => s.schedule),
    name,
  );
  const plan: Plan = {
    ...whole.plan,
    shards,
    borders,
    predicted: predict(shards, borders, cut, name),
    files: [...files].map(([path, bytes]) => ({ path, sha256: sha256(bytes), bytes: bytes.length })),
  };
  const built = cut.shards.map((shard, i) => ({
    ...shard,
    files: new Map((cut.files[i] ?? []).map((f) => [f.name, f.bytes])),
  }));
  return { plan, program: source.program, files, shards: built };
}

function shardOf(
  { program, schedule }: ShardProgram,
  nodes: readonly string[],
  files: readonly ShardFile[],
): PlanShard {
  const parameters = program.states.filter((s) => s.role === 'parameter');
  const flops = flopsOf({ program, schedule }, 'train');
  const main = schedule.functions[0];
  return {
    id: schedule.shard,
    nodes,
    parameters: parameters.map(({ id, shape, init }) => ({ name: id, shape, init })),
    parameterCount: parameters.reduce((sum, s) => sum + s.shape.reduce((a, b) => a * b, 1), 0),
    memory: countMemory(program) + localBytes(schedule),
    flopsPerBatch: flops.batch,
    flopsPerTick: main ? flopsOf({ program, schedule }, main.name).tick : 0,
    program: `shards/${schedule.shard}/program.txt`,
    schedule: `shards/${schedule.shard}/schedule.json`,
    cpu: files.map((f) => f.path),
    cpuNames: files.map((f) => f.name),
  };
}

/** Bytes of the values that go between segments and shards: at most all messages at once. */
function localBytes(schedule: ShardProgram['schedule']): number {
  return schedule.messages.reduce(
    (sum, m) => sum + m.values.reduce((n, v) => n + 4 * v.shape.reduce((a, b) => a * b, 1), 0),
    0,
  );
}

type ShardPrograms = Pick<ShardProgram, 'program' | 'schedule'>;

function flopsOf({ program, schedule }: ShardPrograms, name: string): { batch: number; tick: number } {
  const f = schedule.functions.find((g) => g.name === name);
  const functions = new Map(program.functions.map((g) => [g.name, g]));
  const tick = f && tickOf(f);
  const counted = { batch: 0, tick: 0 };
  for (const stage of f?.stages ?? [])
    for (const { run } of stage.segments) {
      const segment = run === undefined ? undefined : functions.get(run);
      const flops = segment ? countFlops(program, segment) : 0;
      counted.batch += flops * stage.repeat;
      if (stage === tick) counted.tick += flops;
    }
  // Rules without a loop settle nothing: their batch is one tick.
  return tick ? counted : { ...counted, tick: counted.batch };
}

/** A machine's time for a tick is the largest of its work and what it sends and gets: all three go on side by side. */
function predict(
  shards: readonly PlanShard[],
  borders: Plan['borders'],
  { machines, shards: programs }: ShardsSource,
  name: string,
): PlanPredicted {
  const hasTicks = programs.some((p) => p.schedule.functions.some((f) => f.name === name && tickOf(f)));
  const sent = shards.map(() => 0);
  const got = shards.map(() => 0);
  for (const { flows } of borders)
    for (const flow of flows) {
      const bytes = hasTicks ? flow.bytesPerTick.f32 : flow.valuesPerBatch * 4;
      sent[flow.from] = (sent[flow.from] ?? 0) + bytes;
      got[flow.to] = (got[flow.to] ?? 0) + bytes;
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
  const finite = (n: number): number | null => (Number.isFinite(n) ? n : null);
  const ticks = Math.max(
    1,
    ...programs.flatMap((p) => p.schedule.functions.filter((f) => f.name === name).map((f) => ticksOf(f))),
  );
  return {
    ticks,
    machines: machines.list.map((m) => ({
      name: m.name,
      rate: m.rate,
      upload: finite(m.upload),
      download: finite(m.download),
    })),
    shards: times,
    tick,
    limit,
  };
}

/** Ticks of a batch, those that were written out in front of the loop included. */
function ticksOf(f: ShardProgram['schedule']['functions'][number]): number {
  const tick = tickOf(f);
  return tick ? tick.firstTick + tick.repeat : 1;
}
