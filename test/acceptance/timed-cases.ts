/** Networks whose time to an accuracy is compared between schedules, and how each is cut and compiled for one. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import {
  buildStagesFor,
  checkModel,
  cutOf,
  planOf,
  requireTask,
  selectTask,
} from '../../runtime/cli/compiling/compile-model.ts';
import { countedNetwork } from '../../runtime/cli/mesh/timed-training.ts';
import { rated } from '../../runtime/cli/planning/rated-shard.ts';
import { trainingOf } from '../../runtime/cli/training/train-settings.ts';
import { dataOpener, limitTo, openTrainingData } from '../../runtime/cli/training/training-data.ts';
import type { TrainingData } from '../../runtime/shard/trainable.ts';
import type { TimedNetwork } from '../../runtime/simulation/timed-shards.ts';
import { DEFAULT_MACHINE } from '../../spec/default-machine.ts';
import { TRAIN } from '../../spec/names.ts';
import { lateModel } from './late-model.ts';

/** How a training in shards goes. One microbatch, none of them late, is lockstep. */
export interface TimedSchedule {
  readonly shards: number;
  readonly microbatches?: number;
  /** Nodes are not cut into tiles, as they never are in `async`: a tick then costs one way between shards. */
  readonly isWhole?: true;
  /** Of `async`. */
  readonly staleness?: number;
}

export interface TimedCase {
  readonly name: string;
  readonly what: string;
  readonly task: string;
  /** Of the model, with so many ticks. */
  readonly text: (root: string, ticks: number) => string;
  readonly set: readonly string[];
  /** Ticks that values of such an age ask for: an error waits for them at every border but the first. */
  readonly ticks: (staleness: number) => number;
  readonly strict: readonly TimedSchedule[];
  readonly free: readonly TimedSchedule[];
  /** Milliseconds there and back. */
  readonly roundTrips: readonly number[];
  readonly network: (built: BuiltPlan, roundTrip: number) => TimedNetwork;
  readonly data: string;
  /** Samples of the training, and of the test; absent: all. */
  readonly limit?: number;
  readonly tested?: number;
  /** Batches between two measurements. */
  readonly every: number;
  /** Whether less is better. */
  readonly isPerplexity?: true;
}

const counted = (built: BuiltPlan, roundTrip: number): TimedNetwork =>
  countedNetwork(built, DEFAULT_MACHINE.costs, roundTrip / 1000);

const example =
  (name: string, ticks: RegExp) =>
  (root: string, count: number): string =>
    readFileSync(join(root, 'dsl-examples', `${name}.pcn`), 'utf8').replace(ticks, `$1${count}`);

const mnist: TimedCase = {
  name: 'mnist',
  what: 'mnist.pcn on eight trainers, counted costs of the default machine',
  task: 'il',
  text: example('mnist', /(learn\.il\(steps = )\d+/),
  set: [],
  // As published, unless errors need more.
  ticks: (staleness) => Math.max(8, 4 + 2 * staleness),
  // Nodes in tiles; and whole ones, of which there are five: three trainers stand by.
  strict: [1, 2, 4].flatMap((microbatches): TimedSchedule[] => [
    { shards: 8, microbatches },
    { shards: 5, microbatches, isWhole: true },
  ]),
  free: [1, 2, 4].map((staleness) => ({ shards: 5, staleness })),
  roundTrips: [0, 40, 100],
  network: counted,
  data: 'mnist',
  limit: 128 * 240,
  tested: 2000,
  every: 20,
};

/** Into how many a batch may be divided. */
const PARTS = [1, 2, 4, 8];

const WIDE_SHARDS = 8;
/** Seconds of a tick of a whole batch. */
const WIDE_TICK = 0.02;

const wide: TimedCase = {
  name: 'wide',
  what: 'eight links in eight shards, values at borders: numbers of a width of 64, 20 ms of work a tick as of 4096',
  task: 'rule',
  text: (_root, count) => lateModel('il', true).replace('steps = ticks', `steps = ${count}`),
  set: [],
  // The label is with the layer before it: an error goes over six borders with values.
  ticks: (staleness) => Math.max(WIDE_SHARDS, WIDE_SHARDS - 1 + (WIDE_SHARDS - 2) * staleness),
  strict: PARTS.map((microbatches) => ({ shards: WIDE_SHARDS, microbatches })),
  free: [1, 2].flatMap((staleness) => PARTS.map((microbatches) => ({ shards: WIDE_SHARDS, microbatches, staleness }))),
  roundTrips: [100],
  network: tickNetwork(WIDE_TICK, 64),
  data: 'mnist',
  limit: 64 * 200,
  tested: 2000,
  every: 20,
};

const [BLOCKS, TRANSFORMER_SHARDS] = [6, 4];

const transformer: TimedCase = {
  name: 'transformer',
  what: `transformer.pcn of ${BLOCKS} blocks in ${TRANSFORMER_SHARDS} shards, counted costs of the default machine`,
  task: 'borders',
  text: example('transformer', /(learn\.il\(steps = )3/),
  set: [`depth=${BLOCKS}`, 'stride=1250'],
  // As few as an error needs. In `async` the cut leaves the text alone in a shard, which computes nothing: two borders.
  ticks: (staleness) => (staleness === 0 ? TRANSFORMER_SHARDS - 1 : TRANSFORMER_SHARDS - 2 + staleness),
  strict: PARTS.map((microbatches) => ({ shards: TRANSFORMER_SHARDS, microbatches })),
  free: [1, 2].flatMap((staleness) =>
    PARTS.map((microbatches) => ({ shards: TRANSFORMER_SHARDS, microbatches, staleness })),
  ),
  roundTrips: [100],
  network: counted,
  data: 'shakespeare',
  tested: 32,
  every: 5,
  isPerplexity: true,
};

export const TIMED_CASES: readonly TimedCase[] = [mnist, wide, transformer];

/** The case as a trial has it: a few batches of a small network. */
export function small(of: TimedCase): TimedCase {
  const few = { strict: of.strict.slice(0, 1), free: of.free.slice(0, 1), roundTrips: of.roundTrips.slice(-1) };
  const set = of.name === 'transformer' ? [`depth=${BLOCKS}`, 'stride=12500', 'width=8', 'window=16'] : of.set;
  return { ...of, ...few, set, ...(of.limit === undefined ? {} : { limit: of.limit / 20 }), tested: 64, every: 2 };
}

/** As `nmc compile` makes it. */
export function builtFor(
  of: TimedCase,
  root: string,
  { shards, microbatches = 1, isWhole, staleness }: TimedSchedule,
): BuiltPlan {
  const ticks = of.ticks(staleness ?? 0);
  const folder = join(root, '.cache', 'acceptance', 'async-time');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${of.name}-${ticks}.pcn`);
  writeFileSync(path, of.text(root, ticks));
  const model = checkModel(path, { set: of.set });
  const selected = requireTask(selectTask(model, of.task, { epochs: 1 }), path);
  const async = staleness === undefined ? undefined : { staleness };
  const staged = buildStagesFor(shards, selected, microbatches, async);
  return planOf(model, isWhole ? { ...staged, wholeNodes: true } : staged, cutOf(shards));
}

export async function dataFor(of: TimedCase, { plan }: BuiltPlan, folder: string, seed: number): Promise<TrainingData> {
  const settings = { seed, data: folder, folder: '.', limit: of.limit };
  const data = await openTrainingData(plan, trainingOf(plan), dataOpener(settings));
  return { ...data, checks: data.checks.map((set) => limitTo(set, of.tested)) };
}

/**
 * A product of a whole batch with a square matrix takes half a tick: a tick has one for predictions and one for errors.
 * The link from the data, which would be narrow beside such matrices, counts as two products at most.
 */
function tickNetwork(tick: number, width: number): TimedCase['network'] {
  return ({ shards = [] }, roundTrip) => {
    const perSegment = shards.map(({ program, schedule }) => {
      const { batch = 1, microbatches = 1 } = schedule.functions.find(({ name }) => name === TRAIN) ?? {};
      const { work } = rated({ program, schedule });
      const products = (flops: number): number => Math.min(2, flops / (2 * batch * width ** 2));
      return new Map([...work].map(([name, { flops }]) => [name, (products(flops) * tick) / 2 / microbatches]));
    });
    return {
      seconds: (shard, segment) => perSegment[shard]?.get(segment) ?? 0,
      frame: () => 0,
      way: roundTrip / 2000,
    };
  };
}
