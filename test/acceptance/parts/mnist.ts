/**
 * Accuracy on MNIST by rule, over several seeds. Each run is kept in `.cache/acceptance/runs` and goes on from there:
 * a finished one is read, an interrupted one resumed, one of another program begun again.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { jsonLines, plainEnvironment, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

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

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

async function measure(rule: Rule, context: Context): Promise<Row> {
  const what = `MNIST, ${rule.task}, 25 epochs, mean of ${rule.seeds.length} seeds`;
  const target = `>= ${percent(rule.target)}`;
  if (context.data === undefined || !existsSync(join(context.data, 'mnist')))
    return notRun(rule.name, what, target, 'no data (--data DIR or $NMC_DATA must hold mnist/)');
  const accuracies: number[] = [];
  for (const seed of rule.seeds) accuracies.push(await accuracyOf(rule, seed, context.data, context));
  const mean = accuracies.reduce((sum, a) => sum + a, 0) / accuracies.length;
  const measured = `${percent(mean)} (${accuracies.map((a) => (100 * a).toFixed(2)).join(' ')})`;
  if (context.trial) return notRun(rule.name, what, target, `a trial with tiny settings gave ${measured}`);
  return { name: rule.name, what, target, measured, holds: mean >= rule.target };
}

/** Test accuracy at the end of one training. @throws Error when the command fails */
async function accuracyOf(rule: Rule, seed: number, data: string, context: Context): Promise<number> {
  const tiny = context.trial ? ['--epochs', '2', '--limit', '1024'] : [];
  const run = join(context.root, '.cache', 'acceptance', context.trial ? 'trial' : 'runs', `${rule.task}-${seed}`);
  const goOn = !context.fresh && (await isOfThisProgram(run, rule.task, tiny.slice(0, 2), context.root));
  if (!goOn) removeFolder(run);
  mkdirSync(join(run, '..'), { recursive: true });
  const args = goOn
    ? ['train', '--resume', run, '--data', data, '--json']
    : ['train', MODEL, rule.task, '--data', data, '--seed', String(seed), '--out', run, '--json', ...tiny];
  const label = `${rule.name} seed ${seed}`;
  const end = await nmc(context.root, args, (line) => {
    for (const event of jsonLines([line]))
      if (event.event === 'epoch')
        context.progress(`${label}: epoch ${event.epoch}, ${Number(event.accuracy).toFixed(4)}`);
  });
  const done = jsonLines(end.lines).find((event) => event.event === 'done');
  if (typeof done?.accuracy !== 'number') throw new Error(`${label} ended with ${end.code}:\n${end.tail}`);
  context.progress(
    `${label}: ${percent(done.accuracy)}${goOn ? ' (kept or resumed)' : `, ${end.seconds.toFixed(0)} s`}`,
  );
  return done.accuracy;
}

/** Whether a run folder holds the plan that the compiler makes today. */
async function isOfThisProgram(run: string, task: string, settings: readonly string[], root: string): Promise<boolean> {
  const kept = join(run, 'plan', 'plan.json');
  if (!existsSync(kept)) return false;
  const plan = join(root, '.cache', 'acceptance', 'plan');
  const end = await nmc(root, ['compile', MODEL, task, '-o', plan, '--json', ...settings]);
  const compiled = jsonLines(end.lines).find((event) => event.event === 'compiled');
  return compiled?.sha256 === createHash('sha256').update(readFileSync(kept)).digest('hex');
}

function nmc(root: string, args: readonly string[], onLine: (line: string) => void = () => undefined) {
  const main = join(root, 'dist', 'nmc.cjs');
  return runCommand(process.execPath, [main, ...args], { cwd: root, env: plainEnvironment(), onLine });
}
