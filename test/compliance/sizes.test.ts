/** Few samples cost what few samples cost, on every device and in shards, and are predicted as they are among many. */
import { afterAll, expect, test, vi } from 'vitest';
import { kernelFiles, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import { executablesOf } from '../../runtime/cli/compiling/plan-executables.ts';
import { allSizes, prepareSizes, type Sized } from '../../runtime/cli/compiling/sized-functions.ts';
import { openPlan } from '../../runtime/cli/planning/open-plan.ts';
import { type Dataset, memoryDataset, sizeOf } from '../../runtime/data/dataset.ts';
import { cpuDevice } from '../../runtime/device/cpu/cpu.ts';
import type { Device } from '../../runtime/device/device.ts';
import { predictAll } from '../../runtime/shard/evaluate.ts';
import type { Shard } from '../../runtime/shard/shard.ts';
import { openShards } from '../../runtime/shard/shards.ts';
import { wholeFields } from '../../runtime/training/steps.ts';
import type { PlanPrediction } from '../../spec/plan.ts';
import { stream } from '../../spec/random.ts';
import { softwareDevice } from '../support/webgpu.ts';
import { makePlan, remove, writeMade } from '../unit/plan/make-plan.ts';

const HEAD = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data
`;

/** It remembers, and begins at noise. */
const WALK = `${HEAD}
model walk {
  sense at: f32[2]
  node  s:  f32[6] = nodes.gaussian(act = tanh)
  node  t:  f32[5] = nodes.gaussian()

  link t -> s  = links.dense()
  link s -> at = links.dense()
  link s -> s  = links.dense(delay = 1, bias = false)
}

train il of walk on data.file("walks.npz", at = f32[3, 2]) {
  sequence = 3
  clamp at = sample.at

  method    = learn.il(steps = 2, rate = 0.1)
  optimizer = learn.sgd()
  batch     = 4
  epochs    = 1
}

predict go_on of walk {
  clamp at = input.at when step < 2
  settle = learn.settle(steps = 4, rate = 0.1, start = noise)
  read at = at
  read s  = s
}
`;

/** Two clamps, scores, and values that settle. */
const SORT = `${HEAD}
model sort {
  sense x: f32[12]
  node  h: f32[10] = nodes.gaussian()
  node  y: f32[4] = nodes.categorical()
  link x -> h = links.dense(after = tanh)
  link h -> y = links.dense()
}

train il of sort on data.file("rows.npz", x = f32[12], y = i32) {
  clamp x = sample.x
  clamp y = one_hot(sample.y, 4)

  method    = learn.il(steps = 2, rate = 0.1)
  optimizer = learn.sgd()
  batch     = 4
  epochs    = 1
}

predict class_of of sort {
  clamp x = input.x
  read class  = argmax(y)
  read energy = energy(y)
  read h      = h
}

predict hidden_of of sort {
  clamp x = input.x
  clamp y = one_hot(input.y, 4)
  settle = learn.settle(steps = 3, rate = 0.1)
  read h = h
}
`;

/** A GPU that makes its kernels of what it is given, as commands have it. */
async function webgpu(): Promise<Device> {
  const device = await softwareDevice();
  return { ...device, open: ({ program }) => device.open({ program, files: kernelFiles(lowerToWgsl(program)) }) };
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) remove(folder);
});

async function opened(device: Device, folder: string, sized: Sized): Promise<Shard> {
  const sources = await executablesOf(folder, sized.loaded, device, sized);
  return openShards(device, sources, () => ({ seed: 3, statistics: new Map() }));
}

/** Numbers that depend on the sample alone. */
function samples(prediction: PlanPrediction, count: number): Dataset {
  const columns = wholeFields(prediction.inputs).map((field) => {
    const rng = stream(5, field.name);
    const length = count * sizeOf(field);
    const data =
      field.type === 'f32'
        ? Float32Array.from({ length }, (_, i) => rng.normal(i))
        : Int32Array.from({ length }, (_, i) => rng.bits(i) % 4);
    return { field, data };
  });
  return memoryDataset('samples', 'a test', columns);
}

/** Reads of each sample, one after the other. */
async function predicted(shard: Shard, prediction: PlanPrediction, count: number): Promise<number[]> {
  const values: number[] = [];
  for await (const { results, count: some } of predictAll(shard, prediction, samples(prediction, count)))
    for (let i = 0; i < some; i++)
      for (const name of Object.keys(results).sort()) {
        const all = results[name] as Float32Array;
        const each = all.length / some;
        values.push(...all.subarray(i * each, (i + 1) * each));
      }
  return values;
}

/** How many samples, and the functions that run for them. */
const COUNTS: readonly (readonly [number, readonly string[]])[] = [
  [1, ['@1']],
  [5, ['@8']],
  [64, ['@64']],
  [257, ['', '@1']],
];

test.each([
  ['cpu', 2, WALK],
  ['cpu', 3, SORT],
  ['webgpu', 1, WALK],
  ['webgpu', 2, SORT],
] as const)(
  'on %s in %i shards the smallest size that fits runs and predicts the same',
  async (name, shards, model) => {
    const device = { cpu: async () => cpuDevice, webgpu }[name];
    const folder = writeMade(makePlan(model, shards === 1 ? {} : { shards }));
    folders.push(folder);
    const sized = allSizes(openPlan(folder));
    expect(sized.loaded.programs).toHaveLength(shards);
    const shard = await opened(await device(), folder, sized);
    prepareSizes(shard);
    const run = vi.spyOn(shard, 'run');
    for (const prediction of sized.loaded.plan.predictions) {
      const all = await predicted({ ...shard, sizes: new Map() }, prediction, 257);
      const each = all.length / 257;
      for (const [count, functions] of COUNTS) {
        run.mockClear();
        const found = await predicted(shard, prediction, count);
        expect(found).toHaveLength(count * each);
        found.forEach((value, i) => {
          expect(Math.abs(value - (all[i] ?? Number.NaN))).toBeLessThanOrEqual(1e-5);
        });
        const ran = new Set(run.mock.calls.map(([f]) => f));
        expect([...ran]).toEqual(functions.map((f) => `${prediction.function}${f}`));
      }
    }
    await shard.close();
  },
);
