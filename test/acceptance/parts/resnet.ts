/** ResNet-18 on CIFAR-10 by rule, with values at its blocks. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { accuracyOf, type KeptRun } from '../kept-run.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const MODEL = 'dsl-examples/resnet.pcn';
const RULES = ['bp', 'fixed_prediction', 'il', 'pc_alm'] as const;
type Rule = (typeof RULES)[number];
const [BP, LOSS] = [0.6, 0.02];
/** Sums are taken in another order, and 2,300 steps amplify that. */
const EQUAL = 0.005;
const WHAT = 'ResNet-18 of a quarter of the channels on 10,000 images of CIFAR-10, whole test part';

export const resnetPart: Part = {
  name: 'resnet',
  what: WHAT,
  takes: 'three hours; kept and resumed',
  run,
};

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

async function run(context: Context): Promise<readonly Row[]> {
  const { data, trial } = context;
  const targets: Readonly<Record<string, string>> = {
    resnet: `>= ${percent(BP)}`,
    'resnet-fixed': `as bp, within ${100 * EQUAL} points`,
    'resnet-pc': `il or pc_alm at most ${(100 * LOSS).toFixed(0)} points below bp`,
  };
  const without = (reason: string): Row[] =>
    Object.entries(targets).map(([name, target]) => notRun(name, WHAT, target, reason));
  if (data === undefined || !existsSync(join(data, 'cifar-10')))
    return without('no data (--data DIR or $NMC_DATA must hold cifar-10/)');
  const reached = new Map<Rule, number>();
  for (const rule of RULES) reached.set(rule, await accuracyOf(runOf(rule), data, context));
  const of = (rule: Rule): number => reached.get(rule) ?? 0;
  const measured = RULES.map((rule) => `${rule} ${percent(of(rule))}`).join(', ');
  if (trial) return without(`a trial with tiny settings gave ${measured}`);
  const holds = [
    of('bp') >= BP,
    Math.abs(of('fixed_prediction') - of('bp')) <= EQUAL,
    Math.max(of('il'), of('pc_alm')) >= of('bp') - LOSS,
  ];
  return Object.entries(targets).map(([name, target], i) => ({
    ...{ name, what: WHAT, target, measured },
    holds: holds[i] === true,
  }));
}

function runOf(task: Rule): KeptRun {
  const trial = {
    settings: ['--epochs', '1', '--set', 'samples=256', '--set', 'channels=4'],
    limits: ['--limit', '256'],
  };
  const settings = ['--set', 'depth=2'];
  return { name: `resnet-${task}`, label: `resnet ${task}`, model: MODEL, task, seed: 1, settings, trial };
}
