/** Test perplexity of the character model of `transformer.pcn` by rule, at an equal number of batches. */
import { trainKept } from '../kept-run.ts';
import { type Context, dataWith, noData, notRun, type Part, type Row } from '../row.ts';

const MODEL = 'dsl-examples/transformer.pcn';
/** The most that backpropagation may have, and others in parts of what it has. */
const MAX_PERPLEXITY = 6.5;
const SEED = 1;
/** Characters between the beginnings of two windows: one pass makes 3,920 batches of 16. */
const STRIDE = 16;
const STRIDE_OF_TRIAL = 20_000;

interface Rule {
  readonly task: string;
  readonly what: string;
  /** Times the perplexity of `bp`. */
  readonly most: number;
}

/** Of equal rules, on a device that adds in another order from batch to batch. */
const EQUAL = 1.005;

const RULES: readonly Rule[] = [
  { task: 'bp', what: 'backpropagation', most: 1 },
  { task: 'fixed_prediction', what: 'fixed prediction', most: EQUAL },
  { task: 'il', what: 'IL, values at inputs of blocks, 3 ticks', most: 1.05 },
  { task: 'pc_alm', what: 'PC-ALM, values at inputs of blocks, 3 ticks', most: 1.1 },
];

export const transformerPart: Part = {
  name: 'transformer',
  what: 'perplexity of the characters of transformer.pcn on the whole test part, by rule',
  takes: 'up to an hour a rule; kept and resumed',
  run: measure,
};

async function measure(context: Context): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let bp = Number.NaN;
  for (const rule of RULES) {
    const name = `transformer-${rule.task}`;
    const what = `transformer.pcn, ${rule.what}: test perplexity`;
    const target = rule.task === 'bp' ? `<= ${MAX_PERPLEXITY}` : `<= ${rule.most} times backpropagation's`;
    const data = dataWith(context, 'shakespeare', 'text');
    if (data === undefined) {
      rows.push(notRun(name, what, target, noData('shakespeare')));
      continue;
    }
    const { perplexity, seconds } = await perplexityOf(rule, name, data, context);
    if (rule.task === 'bp') bp = perplexity;
    const measured = `${perplexity.toFixed(3)}${rule.task === 'bp' ? '' : `, ${(perplexity / bp).toFixed(3)} times`}; ${timeOf(seconds)}`;
    const bound = rule.task === 'bp' ? MAX_PERPLEXITY : rule.most * bp;
    rows.push(
      context.trial
        ? notRun(name, what, target, `a trial with tiny settings gave ${measured}`)
        : { name, what, target, measured, holds: perplexity <= bound },
    );
  }
  return rows;
}

/** A run that was kept has no time: of a whole training it would take more than a second. */
const timeOf = (seconds: number): string => (seconds < 1 ? 'kept' : `${seconds.toFixed(0)} s`);

async function perplexityOf(
  { task }: Rule,
  name: string,
  data: string,
  context: Context,
): Promise<{ readonly perplexity: number; readonly seconds: number }> {
  const settings = ['--set', `stride=${STRIDE}`];
  const trial = { settings: ['--set', `stride=${STRIDE_OF_TRIAL}`], limits: ['--limit', '32'] };
  const run = { name, label: name, model: MODEL, task, seed: SEED, settings, trial };
  const done = await trainKept(run, data, context);
  const [first] = Array.isArray(done.checks) ? (done.checks as readonly { readonly value: unknown }[]) : [];
  if (typeof first?.value !== 'number') throw new Error(`${name} has no perplexity`);
  return { perplexity: first.value, seconds: Number(done.seconds) };
}
