/** `nmc deploy`: a plan, with its data, onto the trainers of a mesh. */
import { isAutoRate } from '../../../compiler/5-program/auto-rate.ts';
import type { Freedom } from '../../../compiler/5-program/free-ticks.ts';
import { pipelineProblem } from '../../../compiler/5-program/pipeline.ts';
import { type BuiltPlan, planBytes } from '../../../compiler/8-plan/build.ts';
import type { Staged } from '../../../compiler/compile.ts';
import type { PlanTraining } from '../../../spec/plan.ts';
import { statisticsOf } from '../../data/statistics.ts';
import { ask } from '../../net/ask.ts';
import { askStatus } from '../../net/ask-status.ts';
import { sizesOf } from '../../net/data-refs.ts';
import type { Link } from '../../net/link.ts';
import { makeDeployment, scheduleOfTraining } from '../../net/make-deployment.ts';
import { neededMemory, needingPlan } from '../../net/needed-memory.ts';
import { isPlanFolder } from '../../plan/plan-folder.ts';
import { planInMemory } from '../../plan/plan-memory.ts';
import { PLAN_FILE } from '../../plan/plan-source.ts';
import { type VerifiedPlan, verifyPlan } from '../../plan/verify-plan.ts';
import { stretchesOf } from '../../roles/stretch-length.ts';
import { assertDropsLast, assertTrainable, type TrainingData } from '../../shard/trainable.ts';
import { wholeSchedule } from '../../shard/whole.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { isLoopback } from '../../support/loopback.ts';
import { printed } from '../../support/printable.ts';
import { withProgress } from '../../support/progress.ts';
import { batchesOf, type SavedRun, usualSnapshots } from '../../training/calls.ts';
import { runOf } from '../../training/run.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import type { Deployment } from '../../wire/deployment.ts';
import {
  buildStages,
  checkModel,
  fileArgument,
  planOf,
  requireTask,
  selectTask,
  settings,
} from '../compiling/compile-model.ts';
import {
  assertFree,
  assertPipelined,
  chooseDivision,
  chooseParts,
  usualMicrobatches,
} from '../compiling/microbatches.ts';
import {
  type AskedSchedule,
  askedSchedule,
  isOption,
  isPipelined,
  leaving,
  saidShards,
  schedulesOf,
} from '../planning/asked-schedule.ts';
import { chooseCodec } from '../planning/choose-codec.ts';
import { chooseShards, fittingShards } from '../planning/choose-shards.ts';
import { delaysOf, measuredStaleness, staleText, type TickDelays } from '../planning/measured-staleness.ts';
import { openPlan } from '../planning/open-plan.ts';
import { placementNeeds } from '../planning/placement-needs.ts';
import type { RatedTrainer } from '../planning/predict-rate.ts';
import { type RatedShard, rated } from '../planning/rated-shard.ts';
import { verifyForeign } from '../planning/verify-foreign.ts';
import { AUTO, assertGoesWith, borderCodecOf } from '../shell/border-codec.ts';
import { EXIT } from '../shell/command.ts';
import { commandDevice } from '../shell/command-device.ts';
import { packageVersion } from '../shell/package-root.ts';
import { valuesText } from '../shell/values-text.ts';
import { beforeRate, withFoundRate } from '../training/found-rate.ts';
import { chosenSettings, type TrainSettings, trainingOf } from '../training/train-settings.ts';
import { dataOpener, dataRecord, openTrainingData } from '../training/training-data.ts';
import { assertFits, assertPlanFits, tellChoice } from './deploy-fit.ts';
import { ownersAsked } from './deploy-owners.ts';
import { ratedShards, type SaidBy, showPlacement, trainersOf } from './deploy-placement.ts';
import { watchRun } from './deploy-watch.ts';
import { machineOf } from './emulation.ts';
import { asAsked, meshAddress, openMesh } from './mesh-link.ts';
import type { DeployArguments } from './options.ts';

const CHOSEN = 'chosen for these trainers';
/** Who says how old values may be, where neither the command nor the model does. */
const MEASURED = 'measured';

type Trained = Staged & { readonly task: NonNullable<Staged['task']> };

interface Wanted {
  readonly verified: VerifiedPlan;
  readonly chosen: TrainSettings;
  readonly source: Pick<Deployment['source'], 'path' | 'text' | 'set'>;
  readonly said: SaidBy;
  /** The same training in one shard, where the model is at hand. */
  readonly whole?: () => RatedShard;
}

export default async function (args: DeployArguments): Promise<number> {
  const asked = args.borders === AUTO ? undefined : borderCodecOf(args.borders);
  const model = prepare(args);
  const link = await openMesh(args);
  try {
    const trainers = trainersOf(await askStatus(link));
    const { verified, chosen, source, said, whole } = await model.finish(trainers, asked ?? 'f32');
    const { plan, programs } = verified;
    const training = trainingOf(plan);
    const isAsync = training.async !== undefined;
    assertDropsLast(training, 'on a mesh');
    const on = ownersAsked(args.on, plan.shards.length, trainers);
    const divided = ratedShards(verified);
    const codec = asked ?? chooseCodec(divided, trainers, on, isAsync);
    assertGoesWith(codec, isAsync);
    const placement = placementNeeds(divided, codec);
    const stretches = stretchesOf(
      placement.needs,
      trainers.map((t) => t.capability),
    );
    if (args['dry-run']) {
      const data = await dataHere(verified, chosen);
      const run = data && lengthsOf(verified, chosen, data, args['snapshot-every']);
      const memory = neededMemory({
        ...{ ...needingPlan(verified), batch: training.batch, sends: placement.needs, stretches },
        ...(data ? { data: sizesOf(plan, training, data) } : {}),
      });
      // Of a mesh on this machine: it audits there, and computes checks.
      const own = isLoopback(meshAddress(args).host) ? { synchronizer: machineOf('', undefined).machine } : {};
      const more = { ...(on ? { on } : {}), ...(whole ? { whole } : {}), ...(run ? { run } : {}), ...own };
      return showPlacement({ verified, said, placement, memory, ...more }, trainers, codec, args.json);
    }
    assertPlanFits(plan, trainers, model.fitting);
    tellChoice(said, plan.shards.length, trainers.length, args.json);
    const data = await openTrainingData(plan, training, dataOpener(chosen));
    assertTrainable(plan, training, data);
    const delays = training.async && delaysOf({ plan, shards: divided, trainers, codec, ...(on ? { on } : {}) });
    const { deployment, blobs } = makeDeployment({
      ...{ verified, training, data, tick: delays?.tick },
      statistics: statisticsOf(
        programs.flatMap((program) => program.states),
        data.train,
      ),
      epochs: chosen.epochs,
      seed: chosen.seed,
      snapshotEvery: args['snapshot-every'],
      codec,
      source: { ...source, compiler: packageVersion(), ...(args.limit === undefined ? {} : { limit: args.limit }) },
      trainedOn: dataRecord(plan, training, data),
      placement,
      stretches,
      bounds: args.bounded === true,
      ...(on ? { on } : {}),
    });
    // With columns, snapshots and records, as the mesh counts: a run that waits for ever is refused here.
    assertFits(plan.model, deployment.needs, trainers, model.fitting);
    const { missing } = await ask(link, { what: 'missing', blobs: [...blobs.keys()] });
    for (const hash of missing) await link.putBlob(hash, blobs.get(hash) ?? new Uint8Array(0));
    await ask(link, { what: 'deploy', deployment });
    const mesh = asAsked(args);
    if (args.watch) {
      const connect = (): Promise<Link> => openMesh(args);
      const watched = { link, connect, run: deployment.run, mesh, plan, training, batches: batchesOf(deployment) };
      return await watchRun({ ...watched, json: args.json });
    }
    const { values } = training;
    if (args.json)
      emit({ event: 'deployed', run: deployment.run, shards: deployment.shards, ...(values ? { values } : {}) });
    else
      process.stdout.write(
        printed`${deployment.run} is deployed in ${deployment.shards} shard${deployment.shards === 1 ? '' : 's'}\n${values ? `  ${valuesText(values)}\n` : ''}${lateLine(training, said, delays)}  ${nmc`status ${mesh}`}\n  ${nmc`logs ${deployment.run} ${mesh}`}\n  ${nmc`fetch ${deployment.run} ${mesh}`}\n`,
      );
    return EXIT.done;
  } finally {
    link.close();
  }
}

/** How old values of others may be, and why. */
function lateLine(
  { async: free, ticks: steps }: Pick<PlanTraining, 'async' | 'ticks'>,
  { staleness: by = MEASURED }: SaidBy,
  delays: TickDelays | undefined,
): string {
  return free ? `  values of others ${staleText({ ...free, steps }, by, delays)}\n` : '';
}

/** Nothing where they are not here, which planning can do without. */
async function dataHere({ plan }: VerifiedPlan, chosen: TrainSettings): Promise<TrainingData | undefined> {
  const training = trainingOf(plan);
  try {
    return await openTrainingData(plan, training, dataOpener(chosen));
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Lengths of an epoch. */
function lengthsOf(
  { plan }: VerifiedPlan,
  { epochs }: TrainSettings,
  data: TrainingData,
  snapshotEvery: number | undefined,
): SavedRun {
  const run = runOf(plan, trainingOf(plan), data, epochs);
  return { ...run, snapshotEvery: snapshotEvery ?? usualSnapshots(batchesOf(run)) };
}

/** What can be told before anybody is asked, and the rest. */
interface Prepared {
  /** The fewest shards, more than that, that would fit; absent for a plan, which is cut already. */
  readonly fitting?: (trainers: readonly RatedTrainer[], beyond: number) => number | undefined;
  readonly finish: (trainers: readonly RatedTrainer[], codec: BorderCodec) => Promise<Wanted>;
}

function prepare(args: DeployArguments): Prepared {
  const path = fileArgument(args.file);
  if (isPlanFolder(path)) {
    const wanted = fromPlan(path, args);
    return { finish: () => Promise.resolve(wanted) };
  }
  const model = checkModel(path, args);
  const wanted = requireTask(selectTask(model, args.task, args), path);
  // Where the rate is to be found, everything is planned before, as with any other.
  const selected = beforeRate(wanted);
  const schedules = schedulesOf(selected);
  const set = settings(args);
  const asked = askedSchedule(args, schedules);
  const staged = buildStages(selected);
  const whole = { ...staged, task: staged.task ?? selected.task };
  const pipelined = isPipelined(asked);
  const shardsSaid = saidShards(args, schedules);
  // One shard has no neighbours: its model's settings for shards do not concern it.
  if (pipelined && ((shardsSaid?.value ?? 1) > 1 || (asked.schedule && isOption(asked.schedule))))
    assertPipelined(whole, asked);
  const isFree = asked.schedule?.value === 'async';
  if (isFree && (shardsSaid?.value ?? 2) > 1) assertFree(whole, asked);
  const given = pipelined || isFree ? asked.microbatches : undefined;
  return {
    fitting: (trainers, beyond) => fittingShards(whole, trainers, beyond),
    finish: async (trainers, codec) => {
      const shards = shardsSaid?.value ?? chosenShards(whole, trainers, codec, asked);
      const cut = { shards };
      const said = freedomOf(asked, shards);
      const division =
        pipelined && given === undefined && shards > 1
          ? chooseDivision(
              ...([whole, shards, trainers, codec, asked.ahead?.value] as const),
              ownersAsked(args.on, shards, trainers),
            )
          : { microbatches: given?.value ?? 1, wholeNodes: false };
      const { microbatches, wholeNodes } = division;
      const divided = microbatches > 1 && shards > 1;
      const ahead = divided ? (asked.ahead?.value ?? 0) : 0;
      const planned = (of: Trained | Staged) => planOf(model, { ...of, wholeNodes, ahead }, cut);
      const parts = divided ? microbatches : 1;
      const chosen = chosenSettings({ ...args, borders: undefined }, path, selected.task);
      const first = divided || said ? buildStages(selected, undefined, parts, said) : whole;
      const cutFirst = planned(first);
      const on = ownersAsked(args.on, shards, trainers);
      const free =
        said && asked.staleness === undefined
          ? { ...said, staleness: staleBy({ ...first, task: selected.task }, cutFirst, { trainers, codec, on }) }
          : said;
      const inParts = free && given === undefined ? partsFor(whole, cutFirst, { trainers, codec, on, ...free }) : parts;
      const stagesOf = (of: typeof selected) => buildStages(of, undefined, inParts, free);
      const isAsFirst = free?.staleness === said?.staleness && inParts === parts;
      const before = isAsFirst ? cutFirst : planned(stagesOf(selected));
      const { plan, files } = isAutoRate(wanted.task)
        ? planned(
            stagesOf(await withFoundRate(wanted, { plan: before.plan, chosen, device: await commandDevice('cpu') })),
          )
        : before;
      const all = new Map([[PLAN_FILE, planBytes(plan)] as const, ...files]);
      const by = {
        ...saidBy(asked, shards, ahead),
        shards: shardsSaid?.by ?? (trainers.length > 0 ? CHOSEN : 'the default'),
      };
      const verified = verifyPlan(planInMemory(`the plan of ${path}`, all), verifyForeign);
      const oneShard = (): RatedShard => rated({ program: whole.program, schedule: wholeSchedule(whole.program) });
      return { verified, chosen, source: { path, text: model.texts.get(path) ?? '', set }, said: by, whole: oneShard };
    },
  };
}

/** @throws UserError `deploy/schedule` where there is nothing that could be late */
function freedomOf(asked: AskedSchedule, shards: number): Freedom | undefined {
  const { schedule, staleness } = asked;
  if (schedule?.value !== 'async') return undefined;
  // The least, until it is known who would train.
  if (shards > 1) return { staleness: staleness?.value ?? 1, ...leaving(asked) };
  // The model's settings for shards do not concern one alone.
  if (!isOption(schedule)) return undefined;
  throw new UserError(
    'deploy/schedule',
    'one shard has no neighbours whose values could be late',
    'leave out --schedule async, or ask for more shards (--partition K)',
  );
}

/** By what was measured. */
function staleBy(
  { graph, task }: Pick<Trained, 'graph' | 'task'>,
  { plan, shards = [] }: BuiltPlan,
  {
    on,
    ...others
  }: {
    readonly trainers: readonly RatedTrainer[];
    readonly codec: BorderCodec;
    readonly on: readonly string[] | undefined;
  },
): number {
  return measuredStaleness({ graph, task, plan, shards: shards.map(rated), ...others, ...(on ? { on } : {}) });
}

/** Of a batch in `async`, by what was measured. */
function partsFor(whole: Trained, { shards = [] }: BuiltPlan, at: Parameters<typeof chooseParts>[2]): number {
  return chooseParts(whole, shards.map(rated), at);
}

/** As many as train fastest; one where that cannot be told, or none fits. */
function chosenShards(
  whole: Trained,
  trainers: readonly RatedTrainer[],
  codec: BorderCodec,
  asked: AskedSchedule,
): number {
  const { task, graph } = whole;
  const pipelined = isPipelined(asked);
  if (pipelined && pipelineProblem(graph, task) !== undefined) return 1;
  const microbatches = asked.microbatches?.value ?? usualMicrobatches(task.batch);
  const parts = pipelined ? { parts: { microbatches, ahead: asked.ahead?.value ?? 0 } } : {};
  return withProgress((note) => chooseShards(whole, trainers, { codec, ...parts }, note))?.shards ?? 1;
}

function saidBy(asked: AskedSchedule, shards: number, ahead: number): SaidBy {
  if (shards === 1) return { schedule: 'one shard' };
  const isFree = asked.schedule?.value === 'async';
  return {
    schedule: asked.schedule?.by ?? 'the default',
    ...(isPipelined(asked) || isFree ? { microbatches: asked.microbatches?.by ?? CHOSEN } : {}),
    ...(ahead > 0 && asked.ahead ? { ahead: asked.ahead.by } : {}),
    ...(isFree ? { staleness: asked.staleness?.by ?? MEASURED } : {}),
  };
}

function fromPlan(path: string, args: DeployArguments): Wanted {
  for (const name of ['partition', 'microbatches', 'ahead'] as const)
    if (args[name] !== undefined)
      throw new UserError(
        `deploy/${name}`,
        `${path} is a plan, which is already cut`,
        `compile it again with --${name}, or deploy the model file`,
      );
  const verified = openPlan(path);
  const { plan } = verified;
  const training = trainingOf(plan);
  const schedule = askedSchedule(args, []).schedule?.value;
  const compiled = scheduleOfTraining(training);
  const isOther = schedule !== undefined && schedule !== compiled;
  const { late = 'wait', staleness } = training.async ?? {};
  const isStaler = args.staleness !== undefined && args.staleness !== staleness;
  const isOtherwise = args.late !== undefined && args.late !== late;
  if ((isOther && plan.shards.length > 1) || isStaler || isOtherwise)
    throw new UserError(
      'deploy/schedule',
      `${path} was compiled for --schedule ${compiled}${training.async ? ` --staleness ${staleness} --late ${late}` : ''}`,
      'compile it again, with --microbatches K for pipelined, --schedule async for free ticks and without either for lockstep',
    );
  const epochs = args.epochs ?? training.epochs;
  const said = {
    schedule: 'the plan',
    ...(compiled === 'pipelined' ? { microbatches: 'the plan' } : {}),
    ...(compiled === 'async' ? { staleness: 'the plan' } : {}),
  };
  return {
    verified,
    chosen: chosenSettings({ ...args, borders: undefined }, path, { epochs }),
    source: { path, text: '' },
    said,
  };
}
