/** Costs of a shard: FLOPs of its ticks and batches, and the bytes that it holds. */
import type { CountedWork } from '../../../spec/costs.ts';
import { LAST, TRAIN } from '../../../spec/names.ts';
import type { Program, ProgramFunction } from '../../../spec/program.ts';
import type { Stage } from '../../../spec/schedule.ts';
import { countFlops, countWork } from '../../5-program/cost.ts';
import { countInPlace } from '../../5-program/step-memory.ts';
import { runsOf, tickOf } from './runs.ts';
import type { ShardProgram } from './split.ts';

const BYTES = 4;

/** Bytes of parameters, optimiser state, values of one batch and all messages at once, in f32. */
export function shardMemory({ program, schedule }: ShardProgram): number {
  return countInPlace(program) + localBytes(schedule);
}

/** Bytes of the values that go between segments and shards: at most all messages at once, of all that is in flight. */
function localBytes(schedule: ShardProgram['schedule']): number {
  const batches = schedule.functions.some((f) => f.odd) ? 2 : 1;
  const microbatches = Math.max(1, ...schedule.functions.map((f) => f.microbatches ?? 1));
  const last = schedule.functions.find((f) => f.name === LAST);
  const ofLast = new Set(last?.stages.flatMap((s) => s.segments.flatMap((g) => [...g.send, ...g.receive])));
  return schedule.messages.reduce((sum, { id, values }) => {
    const bytes = values.reduce((n, v) => n + BYTES * v.shape.reduce((a, b) => a * b, 1), 0);
    return sum + bytes * batches * (ofLast.has(id) ? 1 : microbatches);
  }, 0);
}

/** FLOP of a tick of each shard: those of a batch over its ticks. */
export function shardWork(shards: readonly ShardProgram[]): number[] {
  const name = mainName(shards);
  const ticks = Math.max(1, ...shards.map((shard) => ticksIn(shard, name)));
  return shards.map((shard) => batchFlops(shard, name) / ticks);
}

/** FLOP of a tick of each shard, in the units in which pieces count them: of one microbatch. */
export function tickWork(shards: readonly ShardProgram[]): number[] {
  const batches = shards.map(({ schedule }) => {
    const runs = runsOf(schedule, TRAIN);
    return runs.reduce((sum, { f, times }) => sum + times * f.batch, 0) / (runs[0]?.f.batch ?? 1);
  });
  return shardWork(shards).map((flops) => flops / Math.max(1, ...batches));
}

/** The function that a plan's figures are of: training, or the first prediction where nothing is trained. */
function mainName(shards: readonly ShardProgram[]): string {
  const names = shards.flatMap(({ schedule }) => schedule.functions.map((f) => f.name));
  return names.find((name) => name === TRAIN) ?? names[0] ?? '';
}

/** FLOP of one batch in a function of the model. */
export function batchFlops({ program, schedule }: ShardProgram, name: string): number {
  const functions = new Map(program.functions.map((g) => [g.name, g]));
  const after = schedule.functions.find((g) => g.name === name)?.after ?? [];
  const flopsIn = (stages: readonly Stage[]): number => {
    let flops = 0;
    for (const { repeat, segments } of stages)
      for (const { run } of segments) {
        const segment = run === undefined ? undefined : functions.get(run);
        if (segment) flops += countFlops(program, segment) * repeat;
      }
    return flops;
  };
  const settling = runsOf(schedule, name).reduce((sum, { f, times }) => sum + flopsIn(f.stages) * times, 0);
  return settling + flopsIn(after);
}

/** All that a batch of a function makes a shard do. */
export function countedBatch({ program, schedule }: ShardProgram, name: string): CountedWork {
  const functions = new Map(program.functions.map((f) => [f.name, f]));
  const works = new Map<string, CountedWork>();
  const workOf = (run: string): CountedWork => {
    const f = functions.get(run);
    const known = works.get(run) ?? { ...(f ? countWork(program, f) : NOTHING), calls: 1 };
    works.set(run, known);
    return known;
  };
  let sum = NOTHING;
  const add = (stages: readonly Stage[], often: number): void => {
    for (const { segments, repeat } of stages)
      for (const { run } of segments) if (run !== undefined) sum = plus(sum, workOf(run), often * repeat);
  };
  for (const { f, times } of runsOf(schedule, name)) add(f.stages, times);
  add(schedule.functions.find((f) => f.name === name)?.after ?? [], 1);
  return sum;
}

/** The same of a program that is not cut: each microbatch, then the weight step. */
export function countedWhole(program: Program, microbatches: number): CountedWork {
  const of = (role: ProgramFunction['role'], often: number): CountedWork =>
    program.functions
      .filter((f) => f.role === role)
      .reduce((sum, f) => plus(sum, { ...countWork(program, f), calls: 1 }, often), NOTHING);
  return plus(of('train', microbatches), of('move', 1), 1);
}

const NOTHING: CountedWork = { calls: 0, flops: 0, operations: 0, bytes: 0, values: 0, valueBytes: 0 };

function plus(a: CountedWork, b: CountedWork, times: number): CountedWork {
  const far = (a.farBytes ?? 0) + times * (b.farBytes ?? 0);
  const readBytes = (a.readBytes ?? 0) + times * (b.readBytes ?? 0);
  const farValueBytes = (a.farValueBytes ?? 0) + times * (b.farValueBytes ?? 0);
  return {
    ...(far > 0 ? { farBytes: far } : {}),
    ...(readBytes > 0 ? { readBytes } : {}),
    ...(farValueBytes > 0 ? { farValueBytes } : {}),
    calls: a.calls + times * b.calls,
    flops: a.flops + times * b.flops,
    operations: a.operations + times * b.operations,
    bytes: a.bytes + times * b.bytes,
    values: a.values + times * b.values,
    valueBytes: a.valueBytes + times * b.valueBytes,
  };
}

/** Ticks of a batch, those that were written out in front of the loop included. */
export function ticksIn({ schedule }: ShardProgram, name: string): number {
  const f = schedule.functions.find((g) => g.name === name);
  const tick = f && tickOf(f);
  return tick ? tick.firstTick + tick.repeat : 1;
}
