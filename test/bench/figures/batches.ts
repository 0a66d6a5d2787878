/** Milliseconds a batch on the reference networks, and which share of the machine's ceiling that is. */

import {
  NETWORKS,
  type NetworkName,
  type Rule,
  referenceModel,
  usefulWork,
} from '../../../runtime/cli/measuring/reference-networks.ts';
import { openTraining, timeSteps } from '../../../runtime/cli/measuring/training-steps.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import { atCeiling, measureCeiling } from '../ceiling.ts';
import { atLeast, type Figure, told } from '../figure.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';

const [WARM, RUNS] = [5, 20];
const WANTED = { rounds: 7, patience: 45_000 };
/** Share of the ceiling that IL on the large network must reach. The goal beyond it is 0.8. */
const LARGE_IL_SHARE = 0.7;

export async function batchFigures(rule: Rule, name: NetworkName): Promise<readonly Figure[]> {
  const network = NETWORKS[name];
  const work = usefulWork(network, rule);
  const model = referenceModel(network, rule);
  const rounds = await calmRounds(WANTED, measureCeiling, async () => {
    const training = await openTraining(model, cpuDevice);
    const times = await timeSteps(training, WARM, RUNS);
    await training.close();
    return median(times);
  });
  const floor = (round: (typeof rounds)[number]): number => atCeiling(work, (round.before + round.after) / 2);
  const milliseconds = median(rounds.map((round) => round.value));
  const share = median(rounds.map((round) => floor(round) / round.value));
  const { widths, batch, ticks } = network;
  const title = `${rule} batch, ${widths.join('-')}, B=${batch}, T=${ticks}`;
  const shareTitle = `${title}: useful work (${(work / 1e9).toFixed(3)} GFLOP) of the ceiling`;
  const figures = [
    told(title, milliseconds, 'ms', median(rounds.map(floor))),
    rule === 'il' && name === 'large'
      ? atLeast(shareTitle, share, 'share', LARGE_IL_SHARE, 1)
      : told(shareTitle, share, 'share', 1),
  ];
  return figures.map((figure) => ({ ...figure, disturbed: wereDisturbed(rounds) }));
}
