/** A GPU that goes away in the middle of a training: nothing that was saved is lost, and the named command goes on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { kernelFiles, lowerToWgsl } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { commandDevice } from '../../../runtime/cli/shell/command-device.ts';
import { readOptions } from '../../../runtime/cli/shell/options.ts';
import { TRAIN, type TrainArguments } from '../../../runtime/cli/training/options.ts';
import { trainNew } from '../../../runtime/cli/training/train-new.ts';
import type { Reporter } from '../../../runtime/cli/training/train-report.ts';
import { jsonReporter } from '../../../runtime/cli/training/train-report-json.ts';
import { trainOn } from '../../../runtime/cli/training/train-resumed.ts';
import { openBestGpu } from '../../../runtime/device/webgpu/dawn.ts';
import { openSession } from '../../../runtime/device/webgpu/session.ts';
import { temporaryFolder, writeTiny } from '../../support/nmc.ts';
import { useSoftwareVulkan } from '../../support/software-vulkan.ts';

const INTERRUPT = { requested: () => false, release: () => undefined };

/** Says nothing. @param epochDone called behind every epoch */
function quiet(epochDone: () => void): Reporter {
  const reporter = jsonReporter();
  return {
    ...reporter,
    observer: { ...reporter.observer, epochDone },
    start: () => undefined,
    done: () => undefined,
  };
}

function energies(run: string): number[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { energy: number }).energy);
}

test('the repair names the folder of the run, and following it ends where a whole training does', async () => {
  await useSoftwareVulkan();
  const folder = temporaryFolder();
  const model = writeTiny(folder, { epochs: 3, batch: 4 });
  const settings = (out: string, device: string): TrainArguments =>
    readOptions(TRAIN, { file: model, limit: '32', out: join(folder, out), device });
  const gpu = await openBestGpu();
  let epochs = 0;
  const training = trainNew(
    settings('the run', 'webgpu'),
    {
      name: 'webgpu',
      description: gpu.description,
      open: ({ program }) => openSession(gpu, kernelFiles(lowerToWgsl(program))),
    },
    quiet(() => {
      if (++epochs === 2) gpu.device.destroy();
    }),
    INTERRUPT,
  );
  const run = join(folder, 'the run');
  await expect(training).rejects.toMatchObject({
    code: 'device/lost',
    message: expect.stringContaining('the GPU was lost'),
    repair: expect.stringContaining(
      `2 epochs are saved; to go on without the GPU: \`nmc train --resume '${run}' --device cpu\``,
    ),
  });
  expect(energies(run)).toHaveLength(2);
  const nothing = quiet(() => undefined);
  expect(await trainOn(run, readOptions(TRAIN, { device: 'cpu' }), nothing, INTERRUPT)).toBe(0);
  expect(await trainNew(settings('whole', 'cpu'), await commandDevice('cpu'), nothing, INTERRUPT)).toBe(0);
  const [resumed, whole] = [energies(run), energies(join(folder, 'whole'))];
  expect(resumed).toHaveLength(3);
  whole.forEach((energy, i) => {
    expect(Math.abs((resumed[i] ?? Number.NaN) / energy - 1)).toBeLessThan(1e-4);
  });
});
