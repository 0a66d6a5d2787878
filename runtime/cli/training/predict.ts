/** `nmc predict`: what a run makes of given inputs. */
import { dirname } from 'node:path';
import type { Plan, PlanPrediction } from '../../../spec/plan.ts';
import { assertColumns } from '../../data/column-names.ts';
import { type Dataset, slice } from '../../data/dataset.ts';
import { readInput } from '../../data/read-input.ts';
import { predictAll } from '../../shard/evaluate.ts';
import { classesOfReads, notFiniteRead, predictedRow } from '../../shard/rows.ts';
import { openRun } from '../../store/run-folder.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { wholeFields } from '../../training/steps.ts';
import { sizesFor } from '../compiling/sized-functions.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import type { PredictArguments } from './options.ts';
import { otherModel } from './other-model.ts';
import { predictSheet } from './predict-sheet.ts';
import { printRow } from './print-row.ts';
import { openPredictor, type Predictor, selectPrediction } from './run-predictor.ts';
import { isTextOfRun, textInput } from './text-input.ts';
import { storedSettings } from './train-settings.ts';
import { dataOpener, storedClasses, storedDataRecord } from './training-data.ts';

export default async function (args: PredictArguments): Promise<number> {
  if (isAddress(args.run)) return (await import('./predict-server.ts')).predictAtServer(args, args.run);
  const ofServer = (['pay', 'max', 'answers', 'ca', 'token-file'] as const).find((name) => args[name] !== undefined);
  if (ofServer !== undefined)
    throw new UserError(
      'usage/input',
      `--${ofServer} is of a server, and ${args.run ?? 'a run'} is a folder of this machine`,
      'name the address of a server, http://HOST:PORT, or leave it out',
    );
  if (args.prompt !== undefined) {
    const other = (['input', 'png', 'limit'] as const).find((name) => args[name] !== undefined);
    if (other !== undefined)
      throw new UserError(
        'usage/input',
        `--prompt is what to go on from, and takes no --${other}`,
        'leave one of them out',
      );
    return (await import('./predict-text.ts')).predictText(args, args.prompt);
  }
  const withPrompt = (['tokens', 'temperature', 'seed'] as const).find((name) => args[name] !== undefined);
  if (withPrompt !== undefined)
    throw new UserError(
      'usage/input',
      `--${withPrompt} is of a text that goes on`,
      'give --prompt TEXT, or leave it out',
    );
  if (args.input === undefined && args.png === undefined)
    throw new UserError(
      'usage/input',
      '--input is missing',
      'name the samples to predict from, or --prompt TEXT, or use --png FILE for a picture of the data of its check',
    );
  // A stop asked for while the device works is taken between two batches.
  const interrupt = watchInterrupt(() => undefined);
  const png = args.png;
  if (png !== undefined && args.input !== undefined)
    throw new UserError(
      'usage/input',
      '--png draws the data of the task’s check and does not use --input',
      'leave one of them out',
    );
  let asked: Asked | undefined;
  const model = args.model;
  const predictor = await openPredictor(
    args.run ?? '',
    args.device ?? 'auto',
    png === undefined
      ? async (loaded) => {
          asked = await askedFor(args, loaded.plan);
          return sizesFor(loaded, asked.prediction, asked.dataset.length);
        }
      : undefined,
    model === undefined ? undefined : (run) => otherModel(run, model),
  );
  try {
    if (png !== undefined) return await writeSheet(args, predictor, selectPrediction(predictor.plan, args.task), png);
    const { prediction, dataset, names, rest } = asked ?? (await askedFor(args, predictor.plan));
    if (rest !== undefined) process.stderr.write(printed`${rest}: it is left out\n`);
    assertColumns(dataset, storedDataRecord(predictor.run.config.settings.trainedOn)?.columns);
    const classes = classesOfReads(predictor.plan, prediction, storedClasses(predictor.run.config));
    const wrong: NotFinite[] = [];
    for await (const batch of predictAll(predictor.shard, prediction, dataset)) {
      for (let i = 0; i < batch.count; i++) {
        const name = names[batch.first + i] ?? String(batch.first + i + 1);
        printRow(name, predictedRow(prediction, batch, i, classes), args.json, classes);
        const read = notFiniteRead(prediction, batch, i);
        if (read !== undefined) wrong.push({ name, read });
      }
      if (interrupt.requested()) return EXIT.interrupted;
    }
    sayNotFinite(wrong, dataset.length);
  } finally {
    interrupt.release();
    await predictor.shard.close();
  }
  return EXIT.done;
}

function isAddress(run: string | undefined): run is string {
  return run !== undefined && /^https?:\/\//.test(run);
}

interface Asked {
  readonly prediction: PlanPrediction;
  readonly dataset: Dataset;
  readonly names: readonly string[];
  readonly rest?: string;
}

/** Read before anything is made for the device: how many samples there are says what is wanted of it. */
async function askedFor(args: PredictArguments, plan: Plan): Promise<Asked> {
  const prediction = selectPrediction(plan, args.task);
  const path = args.input ?? '';
  const { dataset, names, ...more } = isTextOfRun(path, plan, prediction)
    ? await textInput(openRun(args.run ?? ''), prediction, path)
    : await readInput(path, wholeFields(prediction.inputs));
  const limit = args.limit;
  const some = limit !== undefined && limit < dataset.length ? slice(dataset, 0, limit - 1) : dataset;
  return { prediction, dataset: some, names, ...more };
}

async function writeSheet(
  args: PredictArguments,
  predictor: Predictor,
  prediction: PlanPrediction,
  path: string,
): Promise<number> {
  const stored = storedSettings(predictor.run.config, args.data);
  const model = args.model;
  const open = dataOpener(model === undefined ? stored : { ...stored, folder: dirname(model) });
  const { rows, samples } = await predictSheet(predictor, prediction, open, path, args.limit);
  if (args.json) emit({ event: 'picture', file: path, rows, samples });
  else process.stdout.write(`${path}   ${samples} samples, rows: ${rows.join(', ')}\n`);
  return EXIT.done;
}

interface NotFinite {
  /** Of the input. */
  readonly name: string;
  readonly read: string;
}

/** On standard error: what was predicted is there all the same, and shows where it goes wrong. */
function sayNotFinite(wrong: readonly NotFinite[], samples: number): void {
  const [first] = wrong;
  if (!first) return;
  process.stderr.write(
    `warning: ${wrong.length} of ${samples} predictions are not finite, the first in ${first.read} of ${first.name} (null in --json)\n`,
  );
}
