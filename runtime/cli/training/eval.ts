/** `nmc eval`: a run against the checks of its model, on the data and with the limit that it was trained with. */
import { dirname } from 'node:path';
import { checkLabels } from '../../data/labels.ts';
import { runChecks } from '../../shard/checks.ts';
import { labelledOf } from '../../shard/trainable.ts';
import { Stopped } from '../../shard/watch.ts';
import { emit } from '../../support/emit.ts';
import { formatCount, formatPercent } from '../../support/format-numbers.ts';
import { createProgress } from '../../support/progress.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import type { EvalArguments } from './options.ts';
import { otherModel } from './other-model.ts';
import { openPredictor } from './run-predictor.ts';
import { checkLines } from './train-report-human.ts';
import { storedSettings } from './train-settings.ts';
import { dataOpener, heldTo, storedDataRecord } from './training-data.ts';

export default async function (args: EvalArguments): Promise<number> {
  const asJson = args.json;
  const model = args.model;
  const { run, plan, shard } = await openPredictor(
    args.run ?? '',
    args.device ?? 'auto',
    undefined,
    model === undefined ? undefined : (trained) => otherModel(trained, model),
  );
  const progress = createProgress();
  const interrupt = watchInterrupt(() => undefined);
  try {
    const remembered = storedSettings(run.config, args.data);
    const stored = model === undefined ? remembered : { ...remembered, folder: dirname(model) };
    const limit = args.limit ?? stored.limit;
    const open = dataOpener({ ...stored, limit });
    const record = storedDataRecord(run.config.settings.trainedOn);
    const trained = Object.keys(record?.train.sums ?? {});
    const datasets = await Promise.all(plan.checks.map(async (c) => heldTo(await open(c.data), record, trained)));
    datasets.forEach((dataset, i) => {
      checkLabels(dataset, labelledOf(plan, plan.checks[i]));
    });
    if (limit !== undefined && !asJson) progress.note(`on the first ${formatCount(limit)} samples of each set`);
    const results = await runChecks(plan, shard, datasets, (name) => ({
      stopRequested: interrupt.requested,
      progress: (done, total) => (asJson ? undefined : progress.busy(`${name} ${formatPercent(done / total)}`)),
    }));
    progress.stop();
    if (asJson) emit({ event: 'eval', run: run.directory, checks: results });
    else if (results.length === 0) process.stdout.write(`${plan.model} has no checks\n`);
    else process.stdout.write(`${checkLines(results).join('\n')}\n`);
    return results.every((c) => c.pass) ? EXIT.done : EXIT.checkFailed;
  } catch (error) {
    if (error instanceof Stopped) return EXIT.interrupted;
    throw error;
  } finally {
    interrupt.release();
    progress.stop();
    await shard.close();
  }
}
