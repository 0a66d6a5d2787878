/** `nmc eval`: a run against the checks of its model. */
import { slice } from '../data/dataset.ts';
import { openDataset } from '../data/open.ts';
import { runChecks } from '../shard/training.ts';
import { emit } from '../support/emit.ts';
import { formatPercent } from '../support/format-numbers.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { openPredictor } from './run-predictor.ts';
import { wholeNumber } from './whole-number.ts';

export default async function (args: Arguments): Promise<number> {
  const { run, plan, shard } = await openPredictor(text(args, 'run') ?? '', text(args, 'device') ?? 'auto');
  try {
    const stored = run.config.settings.data;
    const dataDirectory = text(args, 'data') ?? (typeof stored === 'string' ? stored : undefined);
    const options = { seed: run.config.seed, ...(dataDirectory === undefined ? {} : { dataDirectory }) };
    const limit = wholeNumber(args, 'limit', 1);
    const datasets = await Promise.all(plan.checks.map((c) => openDataset(c.data, options)));
    const limited = datasets.map((d) => (limit !== undefined && limit < d.length ? slice(d, 0, limit - 1) : d));
    const results = await runChecks(plan, shard, limited);
    if (flag(args, 'json')) emit({ event: 'eval', run: run.directory, checks: results });
    else if (results.length === 0) process.stdout.write(`${plan.model} has no checks\n`);
    else
      for (const c of results)
        process.stdout.write(`check  ${c.check}   ${formatPercent(c.value)}   ${c.pass ? 'holds' : 'FAILS'}\n`);
    return results.every((c) => c.pass) ? EXIT.done : EXIT.checkFailed;
  } finally {
    await shard.close();
  }
}
