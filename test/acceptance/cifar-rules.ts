/** A model of pictures, trained on CIFAR-10 by several rules: rows of what they reach beside each other. */
import { accuracyOf } from './kept-run.ts';
import { type Context, dataWith, noData, notRun, percentText, type Row } from './row.ts';

export interface CifarModel<Rule extends string> {
  /** Of its runs. */
  readonly name: string;
  readonly model: string;
  readonly what: string;
  readonly rules: readonly Rule[];
  readonly settings?: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    readonly target: string;
    /** @param of the accuracy that a rule has reached */
    readonly holds: (of: (rule: Rule) => number) => boolean;
  }[];
}

/** So little of it that the harness can be tried. */
const TRIAL = {
  settings: ['--epochs', '1', '--set', 'samples=256', '--set', 'channels=4'],
  limits: ['--limit', '256'],
};

export async function measureCifar<Rule extends string>(
  { name, model, what, rules, settings = [], rows }: CifarModel<Rule>,
  context: Context,
): Promise<readonly Row[]> {
  const without = (reason: string): Row[] => rows.map((row) => notRun(row.name, what, row.target, reason));
  const data = dataWith(context, 'cifar-10');
  if (data === undefined) return without(noData('cifar-10'));
  const reached = new Map<Rule, number>();
  for (const task of rules) {
    const run = { name: `${name}-${task}`, label: `${name} ${task}`, model, task, seed: 1, settings, trial: TRIAL };
    reached.set(task, await accuracyOf(run, data, context));
  }
  const of = (rule: Rule): number => reached.get(rule) ?? 0;
  const measured = rules.map((rule) => `${rule} ${percentText(of(rule))}`).join(', ');
  if (context.trial) return without(`a trial with tiny settings gave ${measured}`);
  return rows.map((row) => ({ name: row.name, what, target: row.target, measured, holds: row.holds(of) }));
}
