/**
 * Two shards of one process on a wide network, beside the control: two trainings of the whole network that run at once,
 * each on one core and without a word of the other.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPlan, openShardsOf } from '../../../runtime/cli/planning/open-plan.ts';
import { openTraining } from '../../../runtime/cli/training/open-shards.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import type { Device, DeviceSession } from '../../../runtime/device/device.ts';
import { openShard, type Shard } from '../../../runtime/shard/shard.ts';
import type { ShardSource } from '../../../runtime/shard/shards.ts';
import { TRAIN } from '../../../spec/names.ts';
import { measureCeiling } from '../ceiling.ts';
import { type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';

const [BATCH, TICKS] = [256, 8];
const PATIENCE_MS = 60_000;
const SIZES = [
  { width: 2048, calls: 4, rounds: 3 },
  { width: 4096, calls: 2, rounds: 2 },
];

const ADAMW = 'learn.adamw(rate = 3.0e-4, decay = 3.6e-4)';

/** `mnist.pcn`'s network, as wide as is asked. */
export const wideModel = (width: number, batch: number, optimizer = ADAMW): string => `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model wide {
  sense pixels: f32[784]
  node  h1:     f32[${width}] = nodes.gaussian()
  node  h2:     f32[${width}] = nodes.gaussian()
  node  h3:     f32[${width}] = nodes.gaussian()
  node  label:  f32[10]     = nodes.gaussian()

  link pixels -> h1 -> h2 -> h3 = links.dense(after = gelu)
  link h3 -> label              = links.dense()
}

train il of wide on data.mnist.train {
  clamp pixels = (sample.image / 255 - 0.5) / 0.5
  clamp label  = one_hot(sample.digit, 10)

  method    = learn.il(steps = ${TICKS}, rate = 0.0105, momentum = 0.65)
  optimizer = ${optimizer}
  batch     = ${batch}
  epochs    = 25
}
`;

/** A device with one thread of computation for each session. */
const oneCore: Device = {
  ...cpuDevice,
  open: async (executable) => ((await cpuDevice.openAll?.([executable])) ?? [])[0] as DeviceSession,
};

const begin = () => ({ seed: 1, statistics: new Map() });

export async function wideTogetherFigures(folder: string): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const size of SIZES) figures.push(await figureOf(folder, size));
  return figures;
}

async function figureOf(folder: string, { width, calls, rounds: wanted }: (typeof SIZES)[number]): Promise<Figure> {
  const model = join(folder, `wide-${width}.pcn`);
  writeFileSync(model, wideModel(width, BATCH));
  const [whole] = await sourcesOf(folder, model, width, 1);
  const cut = await sourcesOf(folder, model, width, 2);
  if (!whole) throw new Error('a plan has at least one shard');
  const control: Shard[] = [];
  for (let i = 0; i < 2; i++) control.push(await openShard(oneCore, whole.executable, begin, TRAIN));
  const together = await openTraining(cpuDevice, cut, 'f32', begin);
  const often = { rounds: wanted, least: wanted, patience: PATIENCE_MS };
  const rounds = await calmRounds(often, measureCeiling, async () => {
    const [alone, shards] = [await batchesOf(control, calls), await batchesOf([together], calls)];
    return alone / control.length / shards;
  });
  for (const shard of [...control, together]) await shard.close();
  const title = `784-${width}-${width}-${width}-10 il, B=${BATCH}, two shards in one process: rate beside two trainings at once`;
  const share = median(rounds.map(({ value }) => value));
  return { ...told(title, share, 'share', 1), disturbed: wereDisturbed(rounds) };
}

async function sourcesOf(folder: string, model: string, width: number, count: number): Promise<readonly ShardSource[]> {
  const plan = join(folder, `wide-${width}-${count}`);
  await runProcess(process.execPath, [nmc, 'compile', model, '--partition', String(count), '-o', plan]);
  return (await openShardsOf(plan, openPlan(plan), cpuDevice)).sources;
}

/** Milliseconds of a batch of each of these, which train at once. */
async function batchesOf(shards: readonly Shard[], calls: number): Promise<number> {
  const inputs = {
    image: Uint8Array.from({ length: BATCH * 784 }, (_, i) => (i * 7919) % 256),
    digit: Int32Array.from({ length: BATCH }, (_, i) => i % 10),
  };
  const run = (shard: Shard, batch: number) => shard.run(TRAIN, inputs, { batch, batches: 1_000_000 });
  await Promise.all(shards.map((shard) => run(shard, 0)));
  const began = performance.now();
  await Promise.all(shards.flatMap((shard) => Array.from({ length: calls }, (_, batch) => run(shard, batch + 1))));
  return (performance.now() - began) / calls;
}
