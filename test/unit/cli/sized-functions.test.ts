/** Few samples run in a small batch, and are predicted as they are among many. */
import { afterAll, expect, test, vi } from 'vitest';
import { executablesOf } from '../../../runtime/cli/compiling/plan-executables.ts';
import { allSizes, type Sized, sizesFor } from '../../../runtime/cli/compiling/sized-functions.ts';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import { memoryDataset } from '../../../runtime/data/dataset.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import type { Device } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { predictAll } from '../../../runtime/shard/evaluate.ts';
import type { Shard } from '../../../runtime/shard/shard.ts';
import { openShards } from '../../../runtime/shard/shards.ts';
import { wholeFields } from '../../../runtime/training/steps.ts';
import type { PlanPrediction } from '../../../spec/plan.ts';
import { stream } from '../../../spec/random.ts';
import { makePlan, remove, writeMade } from '../plan/make-plan.ts';

/** It remembers, begins at noise, and stops sample by sample. */
const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model walk {
  sense at: f32[2]
  node  s:  f32[3] = nodes.gaussian(act = tanh)

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
  settle = learn.settle(steps = 6, rate = 0.1, start = noise, tolerance = 0.01)
  read at = at
  read s  = s
}
`;

const folder = writeMade(makePlan(MODEL));
afterAll(() => remove(folder));

const loaded = openPlan(folder);
const [prediction] = loaded.plan.predictions as [PlanPrediction];

function samples(count: number) {
  const [field] = wholeFields(prediction.inputs);
  if (!field) throw new Error('it has an input');
  const rng = stream(5, 'walks');
  const data = Float32Array.from({ length: count * 6 }, (_, i) => rng.normal(i));
  return memoryDataset('walks', 'a test', [{ field, data }]);
}

async function opened(device: Device, sized: Sized): Promise<{ shard: Shard; ran: () => string[] }> {
  const sources = await executablesOf(folder, sized.loaded, device, sized);
  const shard = await openShards(device, sources, () => ({ seed: 3, statistics: new Map() }));
  const run = vi.fn(shard.run);
  return { shard: { ...shard, run }, ran: () => run.mock.calls.map(([name]) => name) };
}

async function predicted(shard: Shard, count: number): Promise<number[]> {
  const values: number[] = [];
  for await (const { results } of predictAll(shard, prediction, samples(count)))
    values.push(...(results.at ?? []), ...(results.s ?? []));
  return values;
}

const f = 'predict.go_on';
const steps = (name: string): string[] => [name, name, name];

test.each([
  ['cpu', cpuDevice, 1e-6],
  ['reference', referenceDevice, 0],
])('a batch size that fits runs on %s with the same predictions', async (_name, device, tolerance) => {
  const whole = await opened(device, { loaded, called: [f] });
  const sized = await opened(device, allSizes(loaded));
  const ran: string[] = [];
  for (const [count, name] of [
    [1, `${f}@1`] as const,
    [2, `${f}@8`] as const,
    [64, `${f}@64`] as const,
    [65, f] as const,
  ]) {
    const expected = await predicted(whole.shard, count);
    const found = await predicted(sized.shard, count);
    expect(found.length).toBe(count * 15);
    found.forEach((value, i) => {
      expect(Math.abs(value - (expected[i] ?? Number.NaN))).toBeLessThanOrEqual(tolerance);
    });
    ran.push(...steps(name));
  }
  expect(sized.ran()).toEqual(ran);
  expect(new Set(whole.ran())).toEqual(new Set([f]));
  await Promise.all([whole.shard.close(), sized.shard.close()]);
});

test('sequences that are predicted at the same time do not disturb each other', async () => {
  const { shard } = await opened(cpuDevice, allSizes(loaded));
  const [few, more] = [await predicted(shard, 2), await predicted(shard, 7)];
  expect(await Promise.all([predicted(shard, 2), predicted(shard, 7)])).toEqual([few, more]);
  await shard.close();
});

test('a call makes the size that its last batch needs, and a whole batch only where one is full', async () => {
  const made = (count: number): readonly string[] => sizesFor(loaded, prediction, count).called;
  expect(made(1)).toEqual([`${f}@1`]);
  expect(made(256 + 9)).toEqual([`${f}@64`, f]);
  expect(made(256)).toEqual([f]);
  expect(made(65)).toEqual([f]);
});

test('functions that a plan brings are still compared with its own program', async () => {
  const sized = sizesFor(loaded, prediction, 1);
  const [brought] = loaded.brought;
  const changed = new Map([...(brought ?? []), [`cpu/${f}.onnx`, 'another']]);
  const refused = executablesOf(folder, { ...sized.loaded, brought: [changed] }, cpuDevice, { ...sized, called: [f] });
  await expect(refused).rejects.toMatchObject({ code: 'plan/kernels' });
});
