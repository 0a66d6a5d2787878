/** `--reference`: a line per rule and reference network, each measured in a process of its own. */

import {
  NETWORK_NAMES,
  NETWORKS,
  type NetworkName,
  RULES,
  type Rule,
  referenceModel,
} from '../../runtime/cli/measuring/reference-networks.ts';
import { bench, runProcess } from './processes.ts';

/** As the peers' scripts have it. */
const [WARM, RUNS] = [5, 40];

/** Lines that the peers print, word for word. */
export interface PeerLine {
  readonly peer: string;
  readonly rule: string;
  readonly network: string;
  readonly batch: number;
  readonly ticks: number;
  readonly ms_median: number;
  readonly ms_min: number;
  /** From the start of the process to the end of the warm-up. */
  readonly ready_s: number;
}

export async function reference(rule: Rule | undefined, network: NetworkName | undefined): Promise<number> {
  if (rule && network) {
    process.stdout.write(`${JSON.stringify(await measure(rule, network))}\n`);
    return 0;
  }
  for (const name of network ? [network] : NETWORK_NAMES)
    for (const one of rule ? [rule] : RULES)
      process.stdout.write(`${JSON.stringify(await referenceLine(one, name))}\n`);
  return 0;
}

/** Measured in a new process. */
export async function referenceLine(rule: Rule, network: NetworkName): Promise<PeerLine> {
  const args = [bench, '--reference', '--rule', rule, '--network', network];
  const { stdout } = await runProcess(process.execPath, args);
  return JSON.parse(stdout) as PeerLine;
}

async function measure(rule: Rule, name: NetworkName): Promise<PeerLine> {
  const network = NETWORKS[name];
  const { openTraining, timeSteps } = await import('../../runtime/cli/measuring/training-steps.ts');
  const { cpuDevice } = await import('../../runtime/device/cpu/cpu.ts');
  const training = await openTraining(referenceModel(network, rule), cpuDevice);
  await timeSteps(training, WARM, 0);
  // The clock of a process starts with it.
  const ready = performance.now() / 1000;
  const times = (await timeSteps(training, 0, RUNS)).sort((a, b) => a - b);
  await training.close();
  return {
    peer: 'nmc',
    rule,
    network: network.widths.join('-'),
    batch: network.batch,
    ticks: network.ticks,
    ms_median: round(times[RUNS / 2] as number, 3),
    ms_min: round(times[0] as number, 3),
    ready_s: round(ready, 2),
  };
}

export const round = (value: number, digits: number): number => Number(value.toFixed(digits));
