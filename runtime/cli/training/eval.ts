/** `nmc eval`: a run against the checks of its model, on the data and with the limit that it was trained with. */
import { dirname } from 'node:path';
import { checkLabels } from '../../data/labels.ts';
import { runChecks } from '../../shard/checks.ts';
import { labelledOf } from '../../shard/trainable.ts';
import { Stopped, type Watch } from '../../shard/watch.ts';
import { emit } from '../../support/emit.ts';
import { formatCount, formatPercent } from '../../support/format-numbers.ts';
import { printed } from '../../support/printable.ts';
import { createProgress } from '../../support/progress.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import { type ClassTable, classChecks, confusionText, tablesOf } from './class-report.ts';
import type { EvalArguments } from './options.ts';
import { otherModel } from './other-model.ts';
import { openPredictor } from './run-predictor.ts';
import { checkLines } from './train-report-human.ts';
import { storedSettings } from './train-settings.ts';
import { dataOpener, heldTo, keptVocabulary, storedDataRecord } from './training-data.ts';
import { assertReportFolder, writeReport } from './write-report.ts';

export default async function (args: EvalArguments): Promise<number> {
  const asJson = args.json;
  const { model, report } = args;
  if (report !== undefined) assertReportFolder(report);
  const { run, plan, shard } = await openPredictor(
    args.run ?? '',
    args.device ?? 'auto',
    undefined,
    model === undefined ? undefined : (trained) => otherModel(trained, model),
  );
  const progress = createProgress();
  const interrupt = watchInterrupt(() => undefined);
  try {
    if (report !== undefined) classChecks(plan);
    const remembered = storedSettings(run.config, args.data);
    const vocabulary = keptVocabulary(run.directory, run.config);
    const stored = model === undefined ? { ...remembered, vocabulary } : { ...remembered, folder: dirname(model) };
    const limit = args.limit ?? stored.limit;
    const open = dataOpener({ ...stored, limit });
    const record = storedDataRecord(run.config.settings.trainedOn);
    const trained = Object.keys(record?.train.sums ?? {});
    const datasets = await Promise.all(plan.checks.map(async (c) => heldTo(await open(c.data), record, trained)));
    datasets.forEach((dataset, i) => {
      checkLabels(dataset, labelledOf(plan, plan.checks[i]));
    });
    if (limit !== undefined && !asJson) progress.note(`on the first ${formatCount(limit)} samples of each set`);
    const watch = (name: string): Watch => ({
      stopRequested: interrupt.requested,
      progress: (done, total) => (asJson ? undefined : progress.busy(`${name} ${formatPercent(done / total)}`)),
    });
    const results = await runChecks(plan, shard, datasets, watch);
    const tables = report === undefined ? [] : await tablesOf(plan, shard, datasets, watch);
    progress.stop();
    const { model: name, task, seed, compilerVersion: version } = run.config;
    const told = { run: run.directory, model: name, task, seed, version, ...(limit === undefined ? {} : { limit }) };
    const files = report === undefined ? [] : await writeReport(report, { ...told, checks: results, tables });
    if (asJson)
      emit({ event: 'eval', run: run.directory, checks: results, ...(report === undefined ? {} : { report, files }) });
    else if (results.length === 0) process.stdout.write(`${plan.model} has no checks\n`);
    else process.stdout.write(`${checkLines(results).join('\n')}\n`);
    if (report !== undefined && !asJson) sayReport(report, files, tables);
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

/** Wider tables are in the files alone. */
const MAX_COLUMNS = 12;

function sayReport(folder: string, files: readonly string[], tables: readonly ClassTable[]): void {
  for (const table of tables)
    if (table.classes.length <= MAX_COLUMNS) process.stdout.write(`\n${confusionText(table)}`);
  process.stdout.write(printed`\nwritten ${folder}: ${files.join(', ')}\n`);
}
