/** A training from the beginning: compile, open everything at once, make the run folder, go. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { lowerGraph } from '../../../compiler/4-graph/lower.ts';
import { isAutoRate } from '../../../compiler/5-program/auto-rate.ts';
import { parameterStates } from '../../../compiler/5-program/lower.ts';
import { type BuiltPlan, dataOf, planBytes } from '../../../compiler/8-plan/build.ts';
import type { Staged } from '../../../compiler/compile.ts';
import type { Plan } from '../../../spec/plan.ts';
import { statisticsOf } from '../../data/statistics.ts';
import type { Device } from '../../device/device.ts';
import { PLAN_FILE } from '../../plan/plan-source.ts';
import { drawStates } from '../../shard/draw-states.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { assertTrainable, type TrainingData } from '../../shard/trainable.ts';
import { wholeSchedule } from '../../shard/whole.ts';
import { createRun } from '../../store/create-run.ts';
import { openRun } from '../../store/run-folder.ts';
import { UserError } from '../../support/errors.ts';
import { validatedBy } from '../../training/evaluations.ts';
import {
  buildStagesFor,
  checkModel,
  cutOf,
  fileArgument,
  planOf,
  requireTask,
  selectTask,
} from '../compiling/compile-model.ts';
import { asScheduled } from '../compiling/microbatches.ts';
import { probe } from '../compiling/probe.ts';
import { warningsOf } from '../compiling/warnings-of.ts';
import { flopCounter, timed, timedShard } from '../shell/debug.ts';
import type { Interrupt } from '../shell/watch-interrupt.ts';
import { beforeRate, type Trained, withFoundRate } from './found-rate.ts';
import { type LastPart, lastPart } from './last-part.ts';
import { lateFrames, networkOf, staleBy } from './late-frames.ts';
import { openTraining } from './open-shards.ts';
import type { TrainArguments } from './options.ts';
import { type RateWarning, watchRate } from './rate-warning.ts';
import { runTo } from './train-loop.ts';
import type { Reporter } from './train-report.ts';
import { chosenSettings, configOf, RUN_PLAN, trainingOf } from './train-settings.ts';
import { dataOpener, dataRecord, keptFiles, openTrainingData } from './training-data.ts';

/** Enough for a file to be found and its reading to begin, in other threads, before compiling takes this one. */
const HEAD_START_MILLISECONDS = 10;

export async function trainNew(
  asked: TrainArguments,
  device: Device,
  reporter: Reporter,
  interrupt: Interrupt,
): Promise<number> {
  const args = { ...asked, epochs: ownEpochs(asked) };
  const path = fileArgument(args.file);
  const model = checkModel(path, args);
  const written = requireTask(selectTask(model, args.task, args), path);
  reporter.warnings(warningsOf(model, written.task), model.texts);
  const chosen = chosenSettings(args, path, written.task);
  const weights = args.weights;
  const given = weights === undefined ? undefined : openRun(weights).readParameters();
  // Reading and drawing go on beside compiling, which leaves gaps for what has been read.
  const open = dataOpener(chosen);
  const early = open(dataOf(written.task.data));
  await Promise.race([early.catch(() => undefined), setTimeout(HEAD_START_MILLISECONDS)]);
  const drawing = given ? undefined : drawStates(parameterStates(lowerGraph(written.model)), chosen.seed);
  const cut = cutOf(args.shards);
  const rateFor = (plan: Plan) => withFoundRate(written, { plan, chosen, device, weights: given });
  const compiled = async (of: Trained) => {
    const whole = buildStagesFor(cut.shards, of);
    await setImmediate();
    return { staged: whole, built: planOf(model, asScheduled(of, whole, cut.shards, args, staleBy(args)), cut) };
  };
  const selected = isAutoRate(written.task)
    ? await reporter.waiting('looking for the rate', rateFor((await compiled(beforeRate(written))).built.plan))
    : written;
  const { staged, built } = await compiled(selected);
  const { plan } = built;
  const sources = sourcesOf(built);
  const states = sources.flatMap((s) => s.executable.program.states);
  const training = trainingOf(plan);
  const network = networkOf(args, training);
  reporter.start(plan, training, device);
  const opening = reporter.waiting(
    'reading data',
    timed('open data', () => openTrainingData(plan, training, open)),
  );
  opening.catch(() => undefined);
  const watching: RateWarning[] = [];
  const beginning = async () => {
    const data = await measured(plan, opening, reporter);
    assertTrainable(plan, training, data);
    reporter.data(data, training);
    const statistics = timed('statistics of the data', () => statisticsOf(states, data.train));
    const drawn = drawing && (await drawing);
    const begin = { seed: chosen.seed, statistics, ...(given && { weights: given }), ...(drawn && { drawn }) };
    const probed = { staged: asCut(staged, plan), training, data, device, begin, seed: chosen.seed };
    if (args.probe) reporter.probed(await probe(probed));
    else watching.push(watchRate(probed, flopsOf(plan), reporter));
    return begin;
  };
  const chooser = lateFrames(training, network, chosen.seed);
  const opened = await timed('open device', () => openTraining(device, sources, chosen.borders, beginning, chooser));
  const shard = timedShard(opened, await flopCounter(sources.map((s) => s.executable.program)));
  let last: LastPart | undefined;
  try {
    const saved = await reporter.waiting('preparing the device', shard.save('start'));
    const initial = { epoch: 0, batch: 0, update: 0, finished: false, totals: {}, ...saved };
    const data = await opening;
    last = await lastPart({ model, selected, plan, samples: data.train.length, device, saved });
    const record = dataRecord(plan, training, data);
    const source = { plan, training, chosen, args, path, text: model.texts.get(path) ?? '', data: record, network };
    const run = timed('create the run folder', () =>
      createRun(args.out === undefined ? { parent: 'runs' } : { directory: args.out }, configOf(source), initial, {
        files: new Map([...planFiles(built), ...keptFiles(data), ...(last?.files ?? [])]),
      }),
    );
    const [watched] = watching;
    return await runTo(
      run,
      { plan, training, chosen, data, shard, last: last?.shard, device },
      watched?.reporter ?? reporter,
      interrupt,
    );
  } finally {
    await watching[0]?.done();
    await last?.shard.close();
    await shard.close();
  }
}

function sourcesOf({ program, files, shards }: BuiltPlan): ShardSource[] {
  return shards
    ? shards.map(({ schedule, ...executable }) => ({ executable, schedule }))
    : [{ executable: { program, files }, schedule: wholeSchedule(program) }];
}

/** With the values that the cut keeps. */
function asCut(staged: Staged, { training, shards }: Plan): Staged {
  const { borders } = staged;
  if (!borders || shards.length === 1) return staged;
  return { ...staged, ...borders.keeping(new Set(training?.values?.nodes)) };
}

/** By path within the run. */
function planFiles({ plan, files }: BuiltPlan): Map<string, Uint8Array> {
  const all = [...files, [PLAN_FILE, planBytes(plan)] as const];
  return new Map(all.map(([name, bytes]) => [`${RUN_PLAN}/${name}`, bytes]));
}

function flopsOf(plan: Plan): number {
  return plan.shards.reduce((sum, s) => sum + s.flopsPerBatch, 0);
}

/** @throws UserError `usage/resume` for epochs that are counted from those of a run */
function ownEpochs({ epochs }: TrainArguments): number | undefined {
  if (typeof epochs !== 'object') return epochs;
  throw new UserError(
    'usage/resume',
    `--epochs +${epochs.more} trains more epochs of a run, and this is a new one`,
    `--resume RUN --epochs +${epochs.more}, or --epochs ${epochs.more}`,
  );
}

/** @returns the data, once it is said whether all of them are used */
async function measured(plan: Plan, opening: Promise<TrainingData>, reporter: Reporter): Promise<TrainingData> {
  const data = await opening;
  if (data.validation && !validatedBy(plan))
    reporter.note('`validate on` measures nothing: the model has no check that says what to measure');
  return data;
}
