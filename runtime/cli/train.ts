/** `nmc train`: a model file becomes a run folder with trained weights. */
import { join } from 'node:path';
import { planBytes } from '../../compiler/8-plan/build.ts';
import { buildProgram } from '../../compiler/build-program.ts';
import type { Plan, PlanTraining } from '../../spec/plan.ts';
import type { State } from '../../spec/program.ts';
import type { Dataset } from '../data/dataset.ts';
import { slice } from '../data/dataset.ts';
import { openDataset } from '../data/open.ts';
import { type Standardization, standardization } from '../data/statistics.ts';
import { chooseDevice } from '../device/choose.ts';
import type { Executable } from '../device/device.ts';
import { loadPlan, PLAN_FILE } from '../plan/plan-folder.ts';
import { type Beginning, openShard } from '../shard/shard.ts';
import { type TrainingData, type TrainingEnd, train } from '../shard/training.ts';
import { createRun } from '../store/create-run.ts';
import { openRun, type RunConfig, resumeRun, type TrainingRun } from '../store/run-folder.ts';
import { UserError } from '../support/errors.ts';
import { onInterrupt } from '../support/interrupt.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { checkModel, fileArgument, planOf, requireTask, selectTask, settings } from './compile-model.ts';
import { packageVersion } from './package-root.ts';
import { type Reporter, reporterFor } from './train-report.ts';
import { wholeNumber } from './whole-number.ts';

/** Where a plan lies within its run. */
export const RUN_PLAN = 'plan';

export default async function (args: Arguments): Promise<number> {
  const resume = text(args, 'resume');
  const reporter = reporterFor(flag(args, 'json'));
  return resume === undefined ? trainNew(args, reporter) : trainOn(resume, args, reporter);
}

interface Settings {
  readonly device: string;
  readonly data: string | undefined;
  readonly limit: number | undefined;
  readonly epochs: number;
  readonly seed: number;
}

async function trainNew(args: Arguments, reporter: Reporter): Promise<number> {
  const path = fileArgument(args);
  const model = checkModel(path, args);
  const selected = requireTask(selectTask(model, text(args, 'task'), args), path);
  const chosen: Settings = {
    device: text(args, 'device') ?? 'auto',
    data: text(args, 'data'),
    limit: wholeNumber(args, 'limit', 1),
    epochs: selected.task.epochs,
    seed: wholeNumber(args, 'seed', 0, Number.MAX_SAFE_INTEGER) ?? selected.task.seed ?? 1,
  };
  reporter.warnings(model.warnings, model.texts);
  const weights = text(args, 'weights');
  const given = weights === undefined ? undefined : openRun(weights).readParameters();
  const { plan, program, files } = await planOf(model, buildProgram(selected));
  const training = trainingOf(plan);
  // Data are opened while the device starts.
  const opening = openAll(plan, training, chosen);
  opening.catch(() => undefined);
  const device = await chooseDevice(chosen.device);
  const executable: Executable = { program, files };
  const data = await opening;
  const statistics = statisticsOf(program.states, data.train);
  const shard = await openShard(device, executable, {
    seed: chosen.seed,
    statistics,
    ...(given ? { weights: given } : {}),
  });
  try {
    const initial = { epoch: 0, batch: 0, update: 0, finished: false, totals: {}, ...(await shard.save()) };
    const out = text(args, 'out');
    const config = configOf(plan, training, chosen, args, model.texts.get(path) ?? '', path);
    const parts = new Map(
      [...files, [PLAN_FILE, planBytes(plan)] as const].map(([name, bytes]) => [`${RUN_PLAN}/${name}`, bytes]),
    );
    const run = createRun(out === undefined ? { parent: 'runs' } : { directory: out }, config, initial, {
      files: parts,
    });
    reporter.start(plan, training, device, data.train, run.directory);
    return await runTo(
      run,
      { plan, training, chosen, data, shard, device: `${device.name} (${device.description})` },
      reporter,
    );
  } finally {
    await shard.close();
  }
}

async function trainOn(directory: string, args: Arguments, reporter: Reporter): Promise<number> {
  for (const name of ['file', 'task', 'epochs', 'batch', 'seed', 'limit', 'out', 'weights', 'set'])
    if (args[name] !== undefined)
      throw new UserError(
        'usage/resume',
        `--resume continues a run with its own settings: ${name} cannot be given with it`,
        'leave it out, or train anew',
      );
  const run = resumeRun(directory);
  try {
    const { plan, executables } = loadPlan(join(directory, RUN_PLAN));
    const training = trainingOf(plan);
    const executable = executables[0] as Executable;
    const chosen = settingsOf(run.config, text(args, 'data'));
    for (const repair of run.repairs) reporter.note(repair);
    const state = run.resumedFrom;
    if (state.finished) return reporter.alreadyDone(run, plan);
    const device = await chooseDevice(chosen.device);
    const data = await openAll(plan, training, chosen);
    const beginning: Beginning = { tensors: [...state.parameters, ...state.auxiliary] };
    const shard = await openShard(device, executable, beginning);
    try {
      reporter.start(plan, training, device, data.train, directory);
      return await runTo(
        run,
        { plan, training, chosen, data, shard, device: `${device.name} (${device.description})` },
        reporter,
      );
    } finally {
      await shard.close();
    }
  } finally {
    run.close();
  }
}

interface Job {
  readonly plan: Plan;
  readonly training: PlanTraining;
  readonly chosen: Settings;
  readonly data: TrainingData;
  readonly shard: Awaited<ReturnType<typeof openShard>>;
  readonly device: string;
}

async function runTo(run: TrainingRun, job: Job, reporter: Reporter): Promise<number> {
  let stop = false;
  const release = onInterrupt(() => {
    stop = true;
    reporter.note('stopping after this batch; once more to stop at once');
  });
  const started = performance.now();
  try {
    const end = await train({
      plan: job.plan,
      training: job.training,
      shard: job.shard,
      data: job.data,
      run,
      epochs: job.chosen.epochs,
      seed: job.chosen.seed,
      stopRequested: () => stop,
      observer: reporter.observer,
      now: () => performance.now(),
    });
    reporter.stopProgress();
    if (end.kind === 'interrupted') return reporter.interrupted(run.directory);
    return await finish(run, job, end, (performance.now() - started) / 1000, reporter);
  } finally {
    release();
    reporter.stopProgress();
    run.close();
  }
}

async function finish(
  run: TrainingRun,
  job: Job,
  end: TrainingEnd & { kind: 'done' },
  seconds: number,
  reporter: Reporter,
): Promise<number> {
  const rows = run.readMetrics();
  const last = run.latestSnapshot();
  const results = job.plan.checks.map((check) => {
    const found = end.checks.find((c) => c.check === check.text);
    return {
      metric: check.metric,
      data: `${check.data.source} ${check.data.split}`,
      value: found?.value ?? Number.NaN,
      requirement: `${check.comparison} ${check.bound}`,
      holds: found?.pass ?? false,
    };
  });
  const total = rows.reduce((sum, row) => sum + (typeof row.seconds === 'number' ? row.seconds : 0), 0);
  await run.finish(last, { epochs: job.chosen.epochs, seconds: total, device: job.device, results });
  reporter.done(run.directory, rows, end, seconds);
  return end.checks.every((c) => c.pass) ? EXIT.done : EXIT.checkFailed;
}

async function openAll(plan: Plan, training: PlanTraining, chosen: Settings): Promise<TrainingData> {
  const options = { seed: chosen.seed, ...(chosen.data === undefined ? {} : { dataDirectory: chosen.data }) };
  const limited = (dataset: Dataset): Dataset =>
    chosen.limit !== undefined && chosen.limit < dataset.length ? slice(dataset, 0, chosen.limit - 1) : dataset;
  // The same data named twice are opened once.
  const opened = new Map<string, Promise<Dataset>>();
  const open = (reference: PlanTraining['data']): Promise<Dataset> => {
    const key = JSON.stringify(reference);
    const known = opened.get(key) ?? openDataset(reference, options).then(limited);
    opened.set(key, known);
    return known;
  };
  const [train, validation, checks] = await Promise.all([
    open(training.data),
    training.validation ? open(training.validation) : undefined,
    Promise.all(plan.checks.map((c) => open(c.data))),
  ]);
  return { train, checks, ...(validation ? { validation } : {}) };
}

function statisticsOf(states: readonly State[], dataset: Dataset): Map<string, Standardization> {
  const found = new Map<string, Standardization>();
  for (const { init } of states)
    if (init.kind === 'statistic' && !found.has(init.field))
      found.set(init.field, standardization(dataset, init.field));
  return found;
}

function trainingOf(plan: Plan): PlanTraining {
  if (!plan.training)
    throw new UserError('task/none', 'this plan trains nothing', 'compile a model with a train block');
  return plan.training;
}

function configOf(
  plan: Plan,
  training: PlanTraining,
  chosen: Settings,
  args: Arguments,
  source: string,
  path: string,
): RunConfig {
  return {
    model: plan.model,
    task: training.task,
    settings: {
      device: chosen.device,
      data: chosen.data ?? null,
      limit: chosen.limit ?? null,
      epochs: chosen.epochs,
      batch: training.batch,
      rule: training.rule,
      set: settings(args),
      plan: `${RUN_PLAN}/${PLAN_FILE}`,
    },
    compilerVersion: packageVersion(),
    seed: chosen.seed,
    parameterCount: plan.shards.reduce((sum, s) => sum + s.parameterCount, 0),
    source: { path, text: source },
  };
}

function settingsOf(config: RunConfig, data: string | undefined): Settings {
  const { device, data: folder, limit, epochs } = config.settings;
  return {
    device: typeof device === 'string' ? device : 'auto',
    data: data ?? (typeof folder === 'string' ? folder : undefined),
    limit: typeof limit === 'number' ? limit : undefined,
    epochs: typeof epochs === 'number' ? epochs : 1,
    seed: config.seed,
  };
}
