/**
 * The cost of a batch before the GPU has anything to do: JavaScript and Dawn, measured on Dawn's null backend, where every
 * dispatch is checked and recorded and none is carried out.
 */

import {
  NETWORKS,
  type ReferenceNetwork,
  referenceModel,
  XOR,
} from '../../../runtime/cli/measuring/reference-networks.ts';
import { openTraining, timeSteps } from '../../../runtime/cli/measuring/training-steps.ts';
import type { Device } from '../../../runtime/device/device.ts';
import { openNothing } from '../../../runtime/device/webgpu/dawn.ts';
import { openSession } from '../../../runtime/device/webgpu/session.ts';
import { atMost, type Figure, told } from '../figure.ts';
import { median } from '../statistics.ts';

const [WARM, RUNS, ROUNDS] = [200, 200, 5];
const MAX_MILLISECONDS = 0.3;

export async function webgpuJavascriptFigures(): Promise<readonly Figure[]> {
  const large = await milliseconds(NETWORKS.large);
  const small = await milliseconds(NETWORKS.small);
  const tiny = await milliseconds(XOR);
  const title = 'JavaScript of a batch on webgpu, null backend, il';
  return [
    atMost(`${title}, 784-512-512-10, B=256, T=20`, large, 'ms', MAX_MILLISECONDS, null),
    told(`${title}, 784-128-128-128-10, B=128, T=8`, small, 'ms'),
    told(`${title}, 2-8-1, B=4, T=20, one dispatch`, tiny, 'ms'),
  ];
}

async function milliseconds(network: ReferenceNetwork): Promise<number> {
  const gpu = await openNothing();
  const device: Device = {
    name: 'webgpu',
    description: gpu.description,
    open: ({ files }) => openSession(gpu, files),
  };
  const training = await openTraining(referenceModel(network, 'il'), device);
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(median(await timeSteps(training, WARM, RUNS)));
  await training.close();
  return median(rounds);
}
