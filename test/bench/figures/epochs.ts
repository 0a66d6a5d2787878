/** Seconds of an epoch of inference learning and of backpropagation on the network of `mnist.pcn`, by `nmc train`. */
import { join } from 'node:path';
import { usefulWork } from '../../../runtime/cli/measuring/reference-networks.ts';
import { packageRoot } from '../../../runtime/cli/shell/package-root.ts';
import { atCeiling, measureCeiling } from '../ceiling.ts';
import { atMost, type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';
import { writeDigits } from './digits-on-disk.ts';

const WANTED = { rounds: 5, patience: 75_000 };
/** The first epoch of a process also loads its graphs; the last is what counts. */
const EPOCHS = 2;
const BATCHES = Math.floor(60_000 / 128);
const NETWORK = { widths: [784, 128, 128, 128, 10], batch: 128, ticks: 8 };
const MAX_TIMES_BACKPROPAGATION = 3;

export async function epochFigures(folder: string): Promise<readonly Figure[]> {
  writeDigits(folder);
  const rounds = await calmRounds(WANTED, measureCeiling, async (round) => {
    // Who goes first changes, so that neither always finds the warmer machine.
    if (round % 2 === 0) {
      const il = await secondsOfAnEpoch(folder, 'il', round);
      return { il, bp: await secondsOfAnEpoch(folder, 'bp', round) };
    }
    const bp = await secondsOfAnEpoch(folder, 'bp', round);
    return { il: await secondsOfAnEpoch(folder, 'il', round), bp };
  });
  const ceiling = (rule: 'il' | 'bp'): number =>
    median(rounds.map((r) => (BATCHES * atCeiling(usefulWork(NETWORK, rule), (r.before + r.after) / 2)) / 1000));
  const seconds = (rule: 'il' | 'bp'): number => median(rounds.map((r) => r.value[rule]));
  const figures = [
    told('epoch of 60,000 digits, mnist.pcn il', seconds('il'), 's', ceiling('il')),
    told('epoch of 60,000 digits, mnist.pcn bp', seconds('bp'), 's', ceiling('bp')),
    atMost(
      'epoch of il over epoch of bp, mnist.pcn',
      median(rounds.map(({ value }) => value.il / value.bp)),
      'times',
      MAX_TIMES_BACKPROPAGATION,
      usefulWork(NETWORK, 'il') / usefulWork(NETWORK, 'bp'),
    ),
  ];
  return figures.map((figure) => ({ ...figure, disturbed: wereDisturbed(rounds) }));
}

async function secondsOfAnEpoch(folder: string, task: string, round: number): Promise<number> {
  const out = join(folder, `run-${task}-${round}`);
  const model = join(packageRoot(), 'dsl-examples/mnist.pcn');
  const args = [nmc, 'train', model, task, '--data', folder, '--epochs', String(EPOCHS), '--out', out, '--json'];
  // After so few epochs the model's check on its accuracy may fail, which does not matter here.
  const { stdout } = await runProcess(process.execPath, args, { expected: [0, 1] });
  const events = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
  const last = events.findLast((event) => event.event === 'epoch');
  if (last?.seconds === undefined) throw new Error(`nmc train ${task} told of no epoch`);
  return last.seconds;
}

interface Event {
  readonly event: string;
  readonly seconds?: number;
}
