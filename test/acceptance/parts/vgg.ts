/** VGG5 on CIFAR-10 by rule: what predictive coding loses to backpropagation of the same graph. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { accuracyOf, type KeptRun } from '../kept-run.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const MODEL = 'dsl-examples/vgg.pcn';
const RULES = ['bp', 'il', 'pc_alm', 'nudged'] as const;
type Rule = (typeof RULES)[number];
const [BP, LOSS] = [0.6, 0.015];
const WHAT = 'VGG5 of a quarter of the channels on 10,000 images of CIFAR-10, whole test part';

export const vggPart: Part = {
  name: 'vgg',
  what: WHAT,
  takes: 'two hours; kept and resumed',
  run,
};

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

async function run(context: Context): Promise<readonly Row[]> {
  const { data, trial } = context;
  const [own, near] = [`>= ${percent(BP)}`, `il or pc_alm at most ${(100 * LOSS).toFixed(1)} points below bp`];
  const without = (reason: string): Row[] => [
    notRun('vgg', `${WHAT}, bp`, own, reason),
    notRun('vgg-pc', `${WHAT}, il or pc_alm`, near, reason),
  ];
  if (data === undefined || !existsSync(join(data, 'cifar-10')))
    return without('no data (--data DIR or $NMC_DATA must hold cifar-10/)');
  const reached = new Map<Rule, number>();
  for (const rule of RULES) reached.set(rule, await accuracyOf(runOf(rule), data, context));
  const all = RULES.map((rule) => `${rule} ${percent(reached.get(rule) ?? 0)}`).join(', ');
  if (trial) return without(`a trial with tiny settings gave ${all}`);
  const bp = reached.get('bp') ?? 0;
  const best = Math.max(reached.get('il') ?? 0, reached.get('pc_alm') ?? 0);
  return [
    { name: 'vgg', what: `${WHAT}, bp`, target: own, measured: percent(bp), holds: bp >= BP },
    { name: 'vgg-pc', what: `${WHAT}, il or pc_alm`, target: near, measured: all, holds: best >= bp - LOSS },
  ];
}

function runOf(task: Rule): KeptRun {
  const trial = {
    settings: ['--epochs', '1', '--set', 'samples=256', '--set', 'channels=4'],
    limits: ['--limit', '256'],
  };
  return { name: `vgg-${task}`, label: `vgg ${task}`, model: MODEL, task, seed: 1, trial };
}
