/**
 * Shards of `mnist.pcn` in lockstep in one process: their rate beside that of one shard, and what a tick of two of them
 * takes beyond the work of their devices.
 */
import { join } from 'node:path';
import { openPlan, openShardsOf } from '../../../runtime/cli/planning/open-plan.ts';
import { packageRoot } from '../../../runtime/cli/shell/package-root.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import { measureCeiling } from '../ceiling.ts';
import { atLeast, atMost, type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';
import { writeDigits } from './digits-on-disk.ts';
import { alone, longestWay } from './mesh-ticks.ts';

const WANTED = { rounds: 3, patience: 60_000 };
const LEAST_SHARE = { two: 0.7, four: 0.3 };
const MOST_OVERHEAD_MS = 0.2;

export async function shardsTogetherFigures(folder: string): Promise<readonly Figure[]> {
  writeDigits(folder);
  const model = join(packageRoot(), 'dsl-examples/mnist.pcn');
  const plan = join(folder, 'plan');
  await runProcess(process.execPath, [nmc, 'compile', model, 'il', '--partition', '2', '-o', plan]);
  const { sources } = await openShardsOf(plan, openPlan(plan), cpuDevice);
  const rounds = await calmRounds(WANTED, measureCeiling, async (round) => ({
    one: await alone(folder, model, round),
    two: await alone(folder, model, round, 2),
    four: await alone(folder, model, round, 4),
    devices: await longestWay(sources),
  }));
  const of = (pick: (value: (typeof rounds)[number]['value']) => number): number =>
    median(rounds.map(({ value }) => pick(value)));
  const [two, four] = ['mnist.pcn il, B=128, two shards in one process', 'mnist.pcn il, B=128, four shards in one process']; // biome-ignore format: one line
  const [tick, work] = [of((v) => v.two), of((v) => v.devices)];
  const beyond = of((v) => v.two - v.devices);
  const figures = [
    told(`${two}: a tick`, tick, 'ms', work),
    atMost(`${two}: a tick beyond the devices' work`, beyond, 'ms', MOST_OVERHEAD_MS, 0),
    atLeast(`${two}: rate beside one shard`, of((v) => v.one / v.two), 'share', LEAST_SHARE.two, 1), // biome-ignore format: one line
    atLeast(`${four}: rate beside one shard`, of((v) => v.one / v.four), 'share', LEAST_SHARE.four, 1), // biome-ignore format: one line
  ];
  return figures.map((figure) => ({ ...figure, disturbed: wereDisturbed(rounds) }));
}
