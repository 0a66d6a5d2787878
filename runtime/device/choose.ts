/** `--device`: which device runs, and what to do when it cannot. */
import { UserError } from '../support/errors.ts';
import type { Device } from './device.ts';
import { loadCpu } from './load-cpu.ts';
import type { WebGpuOptions } from './webgpu/webgpu.ts';

export const DEVICES = ['auto', 'cpu', 'webgpu', 'reference'] as const;

/** @throws UserError `device/unknown`; EnvironmentError `device/library`, `device/none` where it does not start */
export async function chooseDevice(name: string, gpu: WebGpuOptions = {}): Promise<Device> {
  switch (name) {
    case 'auto':
    case 'cpu':
      return loadCpu();
    case 'webgpu':
      return (await import('./webgpu/webgpu.ts')).webgpuDevice(gpu);
    case 'reference':
      return (await import('./reference/reference.ts')).referenceDevice;
    default:
      throw new UserError('device/unknown', `there is no device ${name}`, `use one of ${DEVICES.join(', ')}`);
  }
}
