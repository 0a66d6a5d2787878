/**
 * A training in shards with real numbers and made-up times: each shard on a machine of its own, with the costs of
 * a machine, over a network with a delay. Says how good the model is after so many virtual seconds.
 */
import type { BuiltPlan } from '../../../compiler/8-plan/build.ts';
import { type Costs, runningApart, secondsOfCounted, secondsOfFrame } from '../../../spec/costs.ts';
import { TRAIN } from '../../../spec/names.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import { feedBatches } from '../../data/feed.ts';
import { statisticsOf } from '../../data/statistics.ts';
import type { DeviceSession, Executable, FieldData } from '../../device/device.ts';
import { measure } from '../../shard/evaluate.ts';
import { Lockstep } from '../../shard/lockstep.ts';
import { openSession } from '../../shard/session.ts';
import { fillStates, type Shard } from '../../shard/shard.ts';
import { sizesIn } from '../../shard/sizes.ts';
import type { TrainingData } from '../../shard/trainable.ts';
import { wholeSchedule } from '../../shard/whole.ts';
import { type TimedNetwork, TimedShards, type Worked } from '../../simulation/timed-shards.ts';
import { batchesOf, callsOfBatch, positionOf } from '../../training/calls.ts';
import { predictionOf } from '../../training/evaluations.ts';
import { newestWithin } from '../../training/free-ticks.ts';
import { runOf } from '../../training/run.ts';
import { unsoundEnergy } from '../../training/totals.ts';
import { NOTHING, rated } from '../planning/rated-shard.ts';
import { trainingOf } from '../training/train-settings.ts';

export interface TimedTraining {
  readonly built: BuiltPlan;
  readonly data: TrainingData;
  readonly seed: number;
  readonly network: TimedNetwork;
  readonly open: (executable: Executable) => Promise<DeviceSession>;
  /** Batches of the one epoch, all of them by default. */
  readonly batches?: number;
  /** The first check of the model is measured after so many batches, and at the end; absent: never. */
  readonly every?: number;
  readonly told?: (point: TimedPoint) => void;
}

export interface TimedPoint {
  /** So many are done. */
  readonly batch: number;
  /** Virtual ones of the training; measuring takes none. */
  readonly seconds: number;
  readonly value: number;
}

export interface TimedEnd {
  readonly points: readonly TimedPoint[];
  readonly seconds: number;
  /** By shard. */
  readonly worked: readonly Worked[];
  /** Why it ended before its batches did. */
  readonly broken?: string;
}

/** Of the schedule of the plan; where that is `async`, ticks read the newest values that have arrived. */
export async function trainTimed(timed: TimedTraining): Promise<TimedEnd> {
  const { built, data, network, open, batches: most = Number.POSITIVE_INFINITY, every } = timed;
  const { plan } = built;
  const training = trainingOf(plan);
  const run = runOf(plan, training, data, 1);
  const batches = Math.min(most, batchesOf(run));
  const names = training.inputs.map(({ name }) => name);
  const sources = sourcesOf(built);
  const devices = await Promise.all(sources.map(({ executable }) => open(executable)));
  try {
    const states = sources.map(({ executable }) => executable.program.states);
    const begin = { seed: timed.seed, statistics: statisticsOf(states.flat(), data.train) };
    await Promise.all(devices.map((device, i) => fillStates(device, states[i] ?? [], begin)));
    const opened = sources.map((source, i) => ({ ...source, device: devices[i] as DeviceSession }));
    const { async } = training;
    const shards = new TimedShards(opened, network, async && newestWithin(async.staleness));
    const points: TimedPoint[] = [];
    const endOf = (broken?: string): TimedEnd => ({
      ...{ points, seconds: shards.now, worked: shards.worked },
      ...(broken === undefined ? {} : { broken }),
    });
    const measured = async (batch: number): Promise<void> => {
      const value = await measureOn(opened, built, data);
      points.push({ batch, seconds: shards.now, value });
      timed.told?.({ batch, seconds: shards.now, value });
    };
    let calls: Parameters<TimedShards['run']>[0][number][] = [];
    let done = 0;
    const order = { seed: timed.seed, batch: training.batch, epochs: 1, dropLast: true };
    for await (const fed of feedBatches(data.train, order, names)) {
      const inputs = copied(fed.fields, names);
      fed.release();
      for (const call of callsOfBatch(run, fed.epoch, fed.batch))
        calls.push({ name: TRAIN, inputs, position: positionOf(run, call) });
      done++;
      if (done < batches && (every === undefined || done % every > 0)) continue;
      const results = await shards.run(calls);
      calls = [];
      const node = results.map(unsoundEnergy).find((name) => name !== undefined);
      if (node !== undefined) return endOf(`the energy of ${node} is not finite within ${done} batches`);
      if (every !== undefined) await measured(done);
      if (done === batches) break;
    }
    return endOf();
  } finally {
    await Promise.all(devices.map((device) => device.close()));
  }
}

/** Of some batches of a training, without numbers: what they take depends on none. */
export async function paceTimed(
  built: BuiltPlan,
  network: TimedNetwork,
  batches: number,
): Promise<Pick<TimedEnd, 'seconds' | 'worked'>> {
  const sources = sourcesOf(built);
  const opened = sources.map((source) => ({ ...source, device: zerosOf(source.executable.program) }));
  const { async } = trainingOf(built.plan);
  const shards = new TimedShards(opened, network, async && newestWithin(async.staleness));
  const trained = sources.flatMap(({ schedule }) => schedule.functions.filter(({ name }) => name === TRAIN));
  const inputs = Object.fromEntries(
    trained.flatMap(({ inputs: fields, batch, microbatches = 1 }) =>
      fields.map(({ name, shape }) => [name, new Float32Array(batch * microbatches * sizeOf(shape))] as const),
    ),
  );
  const calls = Array.from({ length: batches }, (_, batch) => ({ name: TRAIN, inputs, position: { batch, batches } }));
  await shards.run(calls);
  return { seconds: shards.now, worked: shards.worked };
}

/** A device on which everything is zero. */
function zerosOf({ functions }: Program): Pick<DeviceSession, 'run'> {
  const results = new Map(
    functions.map((f) => {
      const shapes = new Map(f.blocks.flatMap(({ ops }) => ops.map(({ id, shape }) => [id, shape] as const)));
      const zeros = f.results.map(
        ({ name, value }) => [name, new Float32Array(sizeOf(shapes.get(value) ?? []))] as const,
      );
      return [f.name, Object.fromEntries(zeros)] as const;
    }),
  );
  return { run: (name) => Promise.resolve(results.get(name) ?? {}) };
}

/** Each shard on one core of a machine with these costs; frames as trainers seal and open them. */
export function countedNetwork(built: BuiltPlan, costs: Costs, roundTrip: number): TimedNetwork {
  const shards = sourcesOf(built).map(({ executable, schedule }) => rated({ program: executable.program, schedule }));
  const own = runningApart(costs);
  return {
    seconds: (shard, segment) => {
      const { work, short } = shards[shard] ?? {};
      return secondsOfCounted({ ...(work?.get(segment) ?? NOTHING), calls: 1 }, own, short ? 'short' : 'shard');
    },
    frame: (numbers) => secondsOfFrame(Float32Array.BYTES_PER_ELEMENT * numbers, costs),
    way: roundTrip / 2,
  };
}

function sourcesOf({ program, files, shards }: BuiltPlan) {
  return shards
    ? shards.map(({ schedule, ...executable }) => ({ executable, schedule }))
    : [{ executable: { program, files }, schedule: wholeSchedule(program) }];
}

/** Without virtual time. */
async function measureOn(
  opened: readonly (ReturnType<typeof sourcesOf>[number] & { readonly device: DeviceSession })[],
  { plan }: BuiltPlan,
  data: TrainingData,
): Promise<number> {
  const [check] = plan.checks;
  const [dataset] = data.checks;
  const prediction = check && predictionOf(plan, check);
  const [first] = opened;
  if (!check || !dataset || !prediction || !first) throw new Error('the model has no check to measure');
  const sessions = opened.map(({ schedule, executable, device }) => openSession(schedule, executable, device));
  const lockstep = new Lockstep(sessions, true);
  const shard: Shard = {
    executable: first.executable,
    sizes: sizesIn(first.schedule.functions),
    run: (name, inputs, position) => lockstep.run(name, copied(inputs, Object.keys(inputs)), position),
    save: () => Promise.reject(new Error('nothing is saved of a measurement')),
    close: () => Promise.resolve(),
  };
  return measure(shard, prediction, check, dataset);
}

function copied(fields: Readonly<Record<string, FieldData>>, names: readonly string[]): Record<string, FieldData> {
  return Object.fromEntries(names.map((name) => [name, (fields[name] as FieldData).slice()]));
}
