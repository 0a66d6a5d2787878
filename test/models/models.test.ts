/**
 * Models that nobody wrote, trained for two batches on every device, against an interpreter of `spec/semantics.md` that
 * shares nothing with the compiler behind the graph. `NMC_MODELS` and `NMC_MODELS_SEED` say how many, and which;
 * `npm run accept -- models` takes many more.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { check } from './check.ts';
import { cpu, cpuShards, lanes, type Machine, reference, referenceShards } from './devices.ts';
import { descriptions } from './generator.ts';
import { textOf } from './print-model.ts';
import { webgpu, webgpuHalves } from './webgpu-machine.ts';

const SEED = Number(process.env.NMC_MODELS_SEED ?? 1);

test.each<readonly [string, number, readonly Machine[]]>([
  ['the reference device, whole and in shards', 90, [reference, referenceShards]],
  ['the cpu device: one thread, lanes, shards', 60, [cpu(1), lanes, cpuShards]],
  ['the cpu device with two threads', 10, [cpu(2)]],
  ['the webgpu device, and with weights of half the length', 10, [webgpu, webgpuHalves]],
])('%s', { timeout: 600_000 }, async (name, few, machines) => {
  const numRuns = Math.ceil((few * Number(process.env.NMC_MODELS ?? 100)) / 100);
  const property = fc.asyncProperty(descriptions, async (description) => {
    const text = textOf(description);
    expect(await check(text, machines), text).toEqual([]);
  });
  // Models of their own for each row.
  await fc.assert(property, { numRuns, seed: SEED + name.length });
});
