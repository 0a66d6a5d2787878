/** Accuracy on MNIST by rule, over several seeds. */
import { accuracyOf, type KeptRun } from '../kept-run.ts';
import { type Context, dataWith, noData, notRun, type Part, percentText, type Row } from '../row.ts';

const MODEL = 'dsl-examples/mnist.pcn';

interface Rule {
  readonly name: string;
  readonly task: string;
  readonly seeds: readonly number[];
  /** Mean accuracy on the test digits at the last epoch. */
  readonly target: number;
}

const rules: readonly Rule[] = [
  { name: 'mnist-il', task: 'il', seeds: [1, 2, 3, 4, 5], target: 0.981 },
  { name: 'mnist-ipc', task: 'ipc', seeds: [1, 2, 3], target: 0.9815 },
  { name: 'mnist-z-il', task: 'z_il', seeds: [1, 2, 3], target: 0.981 },
  { name: 'mnist-bp', task: 'bp', seeds: [1, 2, 3], target: 0.981 },
];

export const mnistParts: readonly Part[] = rules.map((rule) => ({
  name: rule.name,
  what: `MNIST, ${rule.task}, mean of ${rule.seeds.length} seeds`,
  takes: 'several minutes a seed; kept and resumed',
  run: async (context) => [await measure(rule, context)],
}));

async function measure(rule: Rule, context: Context): Promise<Row> {
  const what = `MNIST, ${rule.task}, 25 epochs, mean of ${rule.seeds.length} seeds`;
  const target = `>= ${percentText(rule.target)}`;
  const data = dataWith(context, 'mnist');
  if (data === undefined) return notRun(rule.name, what, target, noData('mnist'));
  const accuracies: number[] = [];
  for (const seed of rule.seeds) accuracies.push(await accuracyOf(runOf(rule, seed), data, context));
  const mean = accuracies.reduce((sum, a) => sum + a, 0) / accuracies.length;
  const measured = `${percentText(mean)} (${accuracies.map((a) => (100 * a).toFixed(2)).join(' ')})`;
  if (context.trial) return notRun(rule.name, what, target, `a trial with tiny settings gave ${measured}`);
  return { name: rule.name, what, target, measured, holds: mean >= rule.target };
}

function runOf({ name, task }: Rule, seed: number): KeptRun {
  const trial = { settings: ['--epochs', '2'], limits: ['--limit', '1024'] };
  return { name: `${task}-${seed}`, label: `${name} seed ${seed}`, model: MODEL, task, seed, trial };
}
