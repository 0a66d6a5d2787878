/**
 * A batch of a network so small that it is one dispatch, against the same kernels launch by launch: in turns, on a driver
 * that is a program (SwiftShader), so that the figure is there on every machine.
 */
import { referenceModel, XOR } from '../../../runtime/cli/measuring/reference-networks.ts';
import { openTraining, timeSteps } from '../../../runtime/cli/measuring/training-steps.ts';
import type { Device } from '../../../runtime/device/device.ts';
import { webgpuDevice } from '../../../runtime/device/webgpu/webgpu.ts';
import { useSoftwareVulkan } from '../../support/software-vulkan.ts';
import { atLeast, type Figure, told } from '../figure.ts';
import { median } from '../statistics.ts';

const [WARM, RUNS, ROUNDS] = [20, 50, 7];

export async function oneDispatchFigures(): Promise<readonly Figure[]> {
  await useSoftwareVulkan();
  const figures: Figure[] = [];
  for (const rule of ['il', 'ipc'] as const) {
    const { together, apart } = await milliseconds(await webgpuDevice(), referenceModel(XOR, rule));
    const title = `batch on SwiftShader, ${rule}, ${XOR.widths.join('-')}, B=${XOR.batch}, T=${XOR.ticks}`;
    figures.push(
      told(`${title}, one dispatch`, median(together), 'ms'),
      told(`${title}, launch by launch`, median(apart), 'ms'),
      atLeast(
        `${title}, one dispatch`,
        median(apart.map((ms, i) => ms / (together[i] ?? ms))),
        'times as fast',
        1,
        null,
      ),
    );
  }
  return figures;
}

async function milliseconds(device: Device, model: string): Promise<{ together: number[]; apart: number[] }> {
  const trainings = [await openTraining(model, device), await openTraining(model, device, { apart: true })];
  const rounds: number[][] = trainings.map(() => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, training] of trainings.entries()) rounds[i]?.push(median(await timeSteps(training, WARM, RUNS)));
  for (const training of trainings) await training.close();
  const [together = [], apart = []] = rounds;
  return { together, apart };
}
