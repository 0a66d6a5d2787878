/** `nmc train --resume DIR`: goes on with a run, with its own settings; on another device where one is named. */

import { assertUnchanged } from '../../data/fingerprint.ts';
import type { Shard } from '../../shard/shard.ts';
import { openShards } from '../../shard/shards.ts';
import { assertTrainable } from '../../shard/trainable.ts';
import { resumeRun, type TrainingRun } from '../../store/run-folder.ts';
import { UserError } from '../../support/errors.ts';
import { openShardsOfRun } from '../planning/open-plan.ts';

import { commandDevice } from '../shell/command-device.ts';
import { flopCounter, timed, timedShard } from '../shell/debug.ts';
import type { Interrupt } from '../shell/watch-interrupt.ts';
import { reopenLastPart } from './last-part.ts';
import type { TrainArguments } from './options.ts';
import { runTo } from './train-loop.ts';
import type { Reporter } from './train-report.ts';
import { storedSettings, trainingOf } from './train-settings.ts';
import { dataOpener, openTrainingData, storedDataRecord } from './training-data.ts';

/** All that belongs to the run; `--data` may say where the data are now, `--device` what is there to work with. */
const NOT_WITH_RESUME = [
  'file',
  'task',
  'epochs',
  'batch',
  'seed',
  'limit',
  'out',
  'weights',
  'set',
  'shards',
  'precision',
] as const satisfies readonly (keyof TrainArguments)[];

export async function trainOn(
  directory: string,
  args: TrainArguments,
  reporter: Reporter,
  interrupt: Interrupt,
): Promise<number> {
  for (const name of NOT_WITH_RESUME)
    if (isGiven(args[name]))
      throw new UserError(
        'usage/resume',
        `--resume continues a run with its own settings: ${name} cannot be given with it`,
        'leave it out, or train anew',
      );
  const run = resumeRun(directory);
  try {
    for (const repair of run.repairs) reporter.note(repair);
    return await goOn(run, args, reporter, interrupt);
  } finally {
    run.close();
  }
}

function isGiven(value: TrainArguments[keyof TrainArguments]): boolean {
  return typeof value === 'object' ? value.length > 0 : value !== undefined && value !== false;
}

async function goOn(run: TrainingRun, args: TrainArguments, reporter: Reporter, interrupt: Interrupt): Promise<number> {
  const { directory, resumedFrom: state } = run;
  const chosen = storedSettings(run.config, args.data, args.device);
  // Another device may be all that is left: it reads the same weights, as they are.
  const precision = chosen.device === 'webgpu' ? chosen.precision : 'f32';
  if (precision !== chosen.precision) reporter.note(`${chosen.device} computes in f32: ${chosen.precision} ends here`);
  const device = await commandDevice(chosen.device, precision);
  if (!state.finished) device.warmUp?.();
  const { plan, sources } = await timed('read the plan', () => openShardsOfRun(directory, device));
  if (state.finished) return reporter.alreadyDone(run, plan);
  const training = trainingOf(plan);
  reporter.start(plan, training, device);
  const opening = reporter.waiting('reading data', openTrainingData(plan, training, dataOpener(chosen)));
  opening.catch(() => undefined);
  const opened = await openShards(
    device,
    sources,
    () => ({ tensors: [...state.parameters, ...state.auxiliary] }),
    'train',
  );
  const shard = timedShard(opened, await flopCounter(sources.map((s) => s.executable.program)));
  let last: Shard | undefined;
  try {
    const data = await opening;
    assertTrainable(plan, training, data);
    const record = storedDataRecord(run.config.settings.trainedOn);
    if (record) assertUnchanged(data.train, record);
    else reporter.note('the run does not say what its data were, so nobody can tell whether they are the same');
    reporter.data(data, training);
    last = await reopenLastPart(directory, device, training, state);
    return await runTo(run, { plan, training, chosen, data, shard, last, device }, reporter, interrupt);
  } finally {
    await last?.close();
    await shard.close();
  }
}
