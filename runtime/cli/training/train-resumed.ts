/** `nmc train --resume DIR`: goes on with a run, with its own settings; on another device where one is named. */

import type { Program } from '../../../spec/program.ts';
import type { Shard } from '../../shard/shard.ts';
import { assertTrainable } from '../../shard/trainable.ts';
import { resumeRun, type TrainingRun } from '../../store/run-folder.ts';
import { UserError } from '../../support/errors.ts';
import { openShardsOfRun } from '../planning/open-plan.ts';

import { commandDevice } from '../shell/command-device.ts';
import { flopCounter, timed, timedShard } from '../shell/debug.ts';
import type { Interrupt } from '../shell/watch-interrupt.ts';
import { reopenLastPart } from './last-part.ts';
import { lateFrames } from './late-frames.ts';
import { modelEdited } from './model-edited.ts';
import { openTraining } from './open-shards.ts';
import type { TrainArguments } from './options.ts';
import { runTo } from './train-loop.ts';
import type { Reporter } from './train-report.ts';
import { storedNetwork, storedSettings, trainingOf } from './train-settings.ts';
import {
  assertDataUnchanged,
  dataOpener,
  keptVocabulary,
  openTrainingData,
  storedDataRecord,
} from './training-data.ts';

/**
 * `--data` may say where the data are now, `--device` what is there to work with, `--epochs` how many more there are to
 * be; all else belongs to the run.
 */
const WITH_RESUME: readonly string[] = [
  'resume',
  'data',
  'device',
  'epochs',
  'json',
] satisfies (keyof TrainArguments)[];

export async function trainOn(
  directory: string,
  args: TrainArguments,
  reporter: Reporter,
  interrupt: Interrupt,
): Promise<number> {
  for (const [name, value] of Object.entries(args))
    if (!WITH_RESUME.includes(name) && isGiven(value))
      throw new UserError(
        'usage/resume',
        `--resume continues a run with its own settings: ${name} cannot be given with it`,
        'leave it out, or train from the beginning',
      );
  const { epochs } = args;
  if (typeof epochs === 'number')
    throw new UserError(
      'usage/resume',
      `--resume goes on to the epochs of the run: --epochs ${epochs} may be meant as all of them, or as more`,
      `--epochs +${epochs} trains ${epochs} more`,
    );
  const run = resumeRun(directory);
  try {
    for (const repair of run.repairs) reporter.note(repair);
    const edited = modelEdited(run.config);
    if (edited !== undefined) reporter.note(edited);
    return await goOn(run, args, reporter, interrupt);
  } finally {
    run.close();
  }
}

/** Whether a rate, or anything else, depends on how many batches the whole training has. */
function knowsItsEnd({ functions }: Program): boolean {
  const scalars = functions.flatMap(({ blocks }) => blocks.flatMap((block) => block.scalars));
  return scalars.some(({ expr }) => JSON.stringify(expr).includes('"batches"'));
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

async function goOn(run: TrainingRun, args: TrainArguments, reporter: Reporter, interrupt: Interrupt): Promise<number> {
  const { directory, resumedFrom: state } = run;
  const stored = storedSettings(run.config, args.data, args.device);
  const more = typeof args.epochs === 'object' ? args.epochs.more : 0;
  const vocabulary = keptVocabulary(directory, run.config);
  const chosen = { ...stored, vocabulary, epochs: stored.epochs + more };
  // A run whose end was moved is finished only when it comes there.
  const finished = state.finished && state.epoch >= chosen.epochs;
  // Another device may be all that is left: it reads the same weights, as they are.
  const precision = chosen.device === 'webgpu' ? chosen.precision : 'f32';
  if (precision !== chosen.precision) reporter.note(`${chosen.device} computes in f32: ${chosen.precision} ends here`);
  const device = await commandDevice(chosen.device, precision);
  if (!finished) device.warmUp?.();
  const { plan, sources } = await timed('read the plan', () => openShardsOfRun(directory, device));
  if (finished) return reporter.alreadyDone(run, plan);
  const training = trainingOf(plan);
  reporter.start(plan, training, device);
  const opening = reporter.waiting('reading data', openTrainingData(plan, training, dataOpener(chosen)));
  opening.catch(() => undefined);
  const tensors = [...state.parameters, ...state.auxiliary];
  const chooser = lateFrames(training, storedNetwork(run.config), stored.seed);
  const opened = await openTraining(device, sources, chosen.borders, () => ({ tensors }), chooser);
  const shard = timedShard(opened, await flopCounter(sources.map((s) => s.executable.program)));
  let last: Shard | undefined;
  try {
    const data = await opening;
    assertTrainable(plan, training, data);
    const record = storedDataRecord(run.config.settings.trainedOn);
    if (record) assertDataUnchanged(plan, data, record);
    else reporter.note('the run has no record of its data, so they cannot be compared');
    reporter.data(data, training);
    last = await reopenLastPart(directory, device, training, state);
    if (more > 0) {
      run.extendTo(chosen.epochs);
      if (sources.some(({ executable }) => knowsItsEnd(executable.program)))
        reporter.note(`rates that run over the whole training now run over ${chosen.epochs} epochs`);
    }
    const going = state.finished ? { ...run, resumedFrom: { ...state, finished: false, totals: {} } } : run;
    return await runTo(going, { plan, training, chosen, data, shard, last, device }, reporter, interrupt);
  } finally {
    await last?.close();
    await shard.close();
  }
}
