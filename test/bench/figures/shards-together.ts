/**
 * Shards of `mnist.pcn` in lockstep in one process: their rate beside that of one shard, and what a tick of two of them
 * takes beyond the work of their devices.
 */
import { measureCeiling } from '../ceiling.ts';
import { atLeast, atMost, type Figure, told } from '../figure.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';
import { alone, digitsInTwo, longestWay, type TimedRun } from './mesh-ticks.ts';

const WANTED = { rounds: 3, patience: 60_000 };
const LEAST_SHARE = { two: 0.7, four: 0.3 };
const MOST_OVERHEAD_MS = 0.2;

export async function shardsTogetherFigures(folder: string): Promise<readonly Figure[]> {
  const { model, sources } = await digitsInTwo(folder);
  const runs: (readonly TimedRun[])[] = [];
  const rounds = await calmRounds(WANTED, measureCeiling, async (round) => ({
    one: await alone(folder, model, round),
    two: await alone(folder, model, round, 2),
    four: await alone(folder, model, round, 4),
    devices: await longestWay(sources, (found) => {
      runs.push(found);
    }),
  }));
  const of = (pick: (value: (typeof rounds)[number]['value']) => number): number =>
    median(rounds.map(({ value }) => pick(value)));
  const [two, four] = ['two', 'four'].map((count) => `mnist.pcn il, B=128, ${count} shards in one process`);
  const [tick, work] = [of((v) => v.two), of((v) => v.devices)];
  const beyond = of((v) => v.two - v.devices);
  const figures = [
    told(`${two}: a tick`, tick, 'ms', work),
    atMost(`${two}: a tick beyond the devices' work`, beyond, 'ms', MOST_OVERHEAD_MS, 0),
    atLeast(
      `${two}: rate beside one shard`,
      of((v) => v.one / v.two),
      'share',
      LEAST_SHARE.two,
      1,
    ),
    atLeast(
      `${four}: rate beside one shard`,
      of((v) => v.one / v.four),
      'share',
      LEAST_SHARE.four,
      1,
    ),
  ];
  const [first = []] = runs;
  const each = first.map(({ shard, run, timesABatch }, i) =>
    told(
      `${two}: shard ${shard} runs ${run}, ${timesABatch} times a batch`,
      Math.min(...runs.map((all) => all[i]?.microseconds ?? Number.POSITIVE_INFINITY)),
      'us',
    ),
  );
  return [...each, ...figures].map((figure) => ({ ...figure, disturbed: wereDisturbed(rounds) }));
}
