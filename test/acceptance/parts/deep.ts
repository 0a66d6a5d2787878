/**
 * `deep.pcn`: 32 layers by every rule that reaches them, beside plain inference learning, over ten seeds; and 30 layers of
 * muPC as JPC's example has them.
 */
import { accuracyOf, type KeptRun } from '../kept-run.ts';
import { type Context, dataWith, noData, notRun, type Part, percentText, type Row } from '../row.ts';

const MODEL = 'dsl-examples/deep.pcn';
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

interface Task {
  readonly task: string;
  readonly what: string;
  readonly shards?: number;
  /** By how much backpropagation may be better, as a mean over the seeds; absent: shown alone. */
  readonly most?: number;
}

const TASKS: readonly Task[] = [
  // The same steps, whose sums are taken in another order: a few samples of 10,000 more or less.
  { task: 'fixed_prediction', what: 'fixed prediction', most: 0.001 },
  { task: 'pc_alm', what: 'PC-ALM, a value node for each layer, T = 96', most: 0.02 },
  { task: 'borders', what: 'IL at the borders of 4 shards, T = 3', shards: 4, most: 0.003 },
  { task: 'borders_alm', what: 'PC-ALM at the borders of 8 shards, T = 7', shards: 8, most: 0.003 },
  { task: 'il', what: 'IL, a value node for each layer, T = 64' },
];

/** As JPC's example: 400 batches of 64. */
const MUPC_SETTINGS = ['--set', 'depth=30', '--set', 'width=128'];
const MUPC_SEEDS = [1, 2, 3];
const MIN_MUPC = 0.905;

export const deepPart: Part = {
  name: 'deep',
  what: `${MODEL}: 32 layers by six rules, ten seeds; 30 layers of muPC`,
  takes: 'an hour; kept and resumed',
  run,
};

const each = (all: readonly number[]): string => all.map((a) => (100 * a).toFixed(2)).join(' ');
const points = (share: number): string => `${(100 * share).toFixed(2)} points`;
const mean = (all: readonly number[]): number => all.reduce((sum, a) => sum + a, 0) / all.length;

async function run(context: Context): Promise<readonly Row[]> {
  const rows = await ruleRows(context);
  return [...rows, await mupcRow(context)];
}

async function ruleRows(context: Context): Promise<readonly Row[]> {
  const baseline = 'backpropagation, MNIST, one epoch';
  const data = dataWith(context, 'mnist');
  if (data === undefined) return [notRun('deep-bp', baseline, 'shown', noData('mnist'))];
  const seeds = context.trial ? SEEDS.slice(0, 1) : SEEDS;
  const accuracies = async (task: Pick<Task, 'task' | 'shards'>): Promise<number[]> => {
    const found: number[] = [];
    for (const seed of seeds) found.push(await accuracyOf(runOf(task, seed), data, context));
    return found;
  };
  const bp = await accuracies({ task: 'bp' });
  const rows: Row[] = [
    { name: 'deep-bp', what: baseline, target: 'shown', measured: `${percentText(mean(bp))} (${each(bp)})` },
  ];
  for (const { most, ...task } of TASKS) {
    const found = await accuracies(task);
    const behind = mean(bp) - mean(found);
    const row: Row = {
      name: `deep-${task.task.replace('_', '-')}`,
      what: task.what,
      target: most === undefined ? 'shown' : `at most ${points(most)} behind backpropagation, seed by seed in the mean`,
      measured: `${percentText(mean(found))}, ${points(behind)} behind (${each(found)})`,
    };
    rows.push(most === undefined || context.trial ? row : { ...row, holds: behind <= most });
  }
  return rows;
}

/** The scales of muPC under JPC's settings; published 91.29 % after 400 batches, of one seed. */
async function mupcRow(context: Context): Promise<Row> {
  const row = {
    name: 'deep-mupc',
    what: 'muPC, 30 layers of 128 units, 400 batches of 64',
    target: `at least ${percentText(MIN_MUPC)} (JPC 91.29 %)`,
  };
  const data = dataWith(context, 'mnist');
  if (data === undefined) return notRun(row.name, row.what, row.target, noData('mnist'));
  const found: number[] = [];
  for (const seed of context.trial ? MUPC_SEEDS.slice(0, 1) : MUPC_SEEDS)
    found.push(await accuracyOf({ ...runOf({ task: 'mupc' }, seed), settings: MUPC_SETTINGS }, data, context));
  const measured = `${percentText(mean(found))} (${each(found)})`;
  return context.trial ? { ...row, measured } : { ...row, measured, holds: mean(found) >= MIN_MUPC };
}

function runOf({ task, shards = 1 }: Pick<Task, 'task' | 'shards'>, seed: number): KeptRun {
  const trial = { settings: [], limits: ['--limit', '1024'] };
  return { name: `deep-${task}-${seed}`, label: `deep ${task} seed ${seed}`, model: MODEL, task, seed, shards, trial };
}
