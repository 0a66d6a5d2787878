/**
 * Batches of the examples with convolutions and attention, beside their convolutions, products and softmaxes alone
 * (`useful-work.ts`): by inference learning, whose ticks go forward and backward, and by backpropagation, where all
 * hidden nodes are exact.
 */
import { readFileSync } from 'node:fs';
import { openProgram, programOf, timeSteps } from '../../../runtime/cli/measuring/training-steps.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import { atLeast, type Figure, told } from '../figure.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';
import { openWork, workOf } from '../useful-work.ts';

/** Milliseconds: all of them together stay below three minutes on a machine that is never calm. */
const WANTED = { rounds: 5, least: 2, patience: 7_000 };
const [WARM, STEPS] = [1, 3];
const SHARE = 0.6;

interface Subject {
  readonly example: string;
  readonly task: string;
  readonly set?: Readonly<Record<string, string>>;
}

const SUBJECTS: readonly Subject[] = [
  { example: 'vgg', task: 'il', set: { channels: '8' } },
  { example: 'vgg', task: 'bp', set: { channels: '8' } },
  { example: 'vgg', task: 'il', set: { channels: '16' } },
  { example: 'vgg', task: 'bp', set: { channels: '16' } },
  { example: 'vgg', task: 'il', set: { channels: '32' } },
  { example: 'vgg', task: 'bp', set: { channels: '32' } },
  { example: 'resnet', task: 'il', set: { channels: '4' } },
  { example: 'resnet', task: 'il', set: { channels: '16' } },
  { example: 'resnet', task: 'bp', set: { channels: '16' } },
  { example: 'transformer', task: 'il' },
  { example: 'transformer', task: 'bp' },
];

export async function convolutionFigures(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const subject of SUBJECTS) figures.push(...(await figuresOf(subject)));
  return figures;
}

async function figuresOf({ example, task, set = {} }: Subject): Promise<readonly Figure[]> {
  const program = programOf(readFileSync(`dsl-examples/${example}.pcn`, 'utf8'), { task, set });
  const training = await openProgram(program, cpuDevice);
  const work = await openWork(workOf(program));
  const rounds = await calmRounds(WANTED, work.time, async () => median(await timeSteps(training, WARM, STEPS)));
  await training.close();
  await work.close();
  const floor = (round: (typeof rounds)[number]): number => (round.before + round.after) / 2;
  const milliseconds = median(rounds.map((round) => round.value));
  const share = median(rounds.map((round) => floor(round) / round.value));
  const settings = Object.entries(set).map(([name, value]) => `, ${name} = ${value}`);
  const title = `${task} batch, ${example}.pcn${settings.join('')}`;
  return [
    told(title, milliseconds, 'ms', median(rounds.map(floor))),
    atLeast(`${title}: useful work of its time`, share, 'share', SHARE, 1),
  ].map((figure) => ({ ...figure, disturbed: wereDisturbed(rounds) }));
}
