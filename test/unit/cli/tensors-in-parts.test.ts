/** A training whose tensors lie in parts: what it saves is what any other training saves, and each goes on from the other. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { kernelFiles } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { commandDevice } from '../../../runtime/cli/shell/command-device.ts';
import { readOptions } from '../../../runtime/cli/shell/options.ts';
import { TRAIN, type TrainArguments } from '../../../runtime/cli/training/options.ts';
import { trainNew } from '../../../runtime/cli/training/train-new.ts';
import type { Reporter } from '../../../runtime/cli/training/train-report.ts';
import { jsonReporter } from '../../../runtime/cli/training/train-report-json.ts';
import { trainOn } from '../../../runtime/cli/training/train-resumed.ts';
import type { Device } from '../../../runtime/device/device.ts';
import { openSession } from '../../../runtime/device/webgpu/session.ts';
import { temporaryFolder, tinyModel } from '../../support/nmc.ts';
import { softwareGpu } from '../../support/webgpu.ts';
import { lowerInParts, partsIn } from '../../support/webgpu-parts.ts';

/** Elements of a binding, of 784 × 128 weights, and of the pictures that are looked at together. */
const BOUND = 64_000;

const never = { requested: () => false, release: () => undefined };

function quiet(epochDone: () => void = () => undefined): Reporter {
  const reporter = jsonReporter();
  return { ...reporter, observer: { ...reporter.observer, epochDone }, start: () => undefined, done: () => undefined };
}

function energies(run: string): number[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { energy: number }).energy);
}

test('a training whose bindings are larger, interrupted and resumed, has the bits of an undisturbed one', {
  timeout: 180_000,
}, async () => {
  const folder = temporaryFolder();
  const gpu = await softwareGpu();
  const model = join(folder, 'wide.pcn');
  writeFileSync(model, tinyModel({ epochs: 3, batch: 4 }).replace('hidden: int = 12', 'hidden: int = 128'));
  const settings = (out: string): TrainArguments =>
    readOptions(TRAIN, { file: model, limit: '32', out: join(folder, out), device: 'webgpu' });
  let parts = 0;
  const little: Device = {
    name: 'webgpu',
    description: gpu.description,
    open: ({ program }) => {
      const lowered = lowerInParts(program, BOUND);
      parts = partsIn(lowered);
      return openSession(gpu, kernelFiles(lowered));
    },
  };
  let epochs = 0;
  const stopped = { ...never, requested: () => epochs === 2 };
  await trainNew(
    settings('parts'),
    little,
    quiet(() => epochs++),
    stopped,
  );
  expect(parts).toBeGreaterThan(0);
  const run = join(folder, 'parts');
  expect(energies(run)).toHaveLength(2);
  expect(await trainOn(run, readOptions(TRAIN, { device: 'webgpu' }), quiet(), never)).toBe(0);
  expect(await trainNew(settings('whole'), await commandDevice('webgpu'), quiet(), never)).toBe(0);
  const whole = join(folder, 'whole');
  expect(energies(run)).toEqual(energies(whole));
  const weights = (from: string): Buffer => readFileSync(join(from, 'model.safetensors'));
  expect(weightsOnly(weights(run))).toEqual(weightsOnly(weights(whole)));
});

/** Behind the header, which names the run. */
function weightsOnly(file: Buffer): Buffer {
  return file.subarray(8 + Number(file.readBigUInt64LE(0)));
}
