/**
 * Models that nobody wrote, trained for two batches on every device, against an interpreter of `spec/semantics.md` that
 * shares nothing with the compiler behind the graph. `NMC_MODELS` says how many, in percent, and `NMC_MODELS_SEED` which;
 * `npm run accept -- models` takes many more.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { check } from './check.ts';
import { cpu, cpuShards, lanes, type Machine, reference, referenceShards } from './devices.ts';
import { type Description, descriptions, divisible } from './generator.ts';
import { textOf } from './print-model.ts';
import { webgpu, webgpuHalves } from './webgpu-machine.ts';

const SEED = Number(process.env.NMC_MODELS_SEED ?? 1);

test.each<readonly [string, number, readonly Machine[], fc.Arbitrary<Description>]>([
  ['the reference device, whole and in shards', 60, [reference, referenceShards], descriptions],
  ['the cpu device, whole and in shards', 40, [cpu(1), cpuShards], descriptions],
  ['the cpu device with two threads', 10, [cpu(2)], descriptions],
  ['the cpu device in lanes', 10, [lanes], divisible],
  ['the webgpu device, and with weights of half the length', 10, [webgpu, webgpuHalves], descriptions],
])('%s', { timeout: 600_000 }, async (name, few, machines, described) => {
  const numRuns = Math.ceil((few * Number(process.env.NMC_MODELS ?? 50)) / 100);
  const property = fc.asyncProperty(described, async (description) => {
    const text = textOf(description);
    expect((await check(text, machines)).found, text).toEqual([]);
  });
  // Models of their own for each row.
  await fc.assert(property, { numRuns, seed: SEED + name.length });
});
