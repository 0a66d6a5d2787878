/** The WebGPU device in Node. */
import { REGION_ALIGNMENT } from '../../../spec/kernels.ts';
import type { Device } from '../device.ts';
import { openBestGpu } from './dawn.ts';
import { bindingBytes, type Gpu } from './gpu.ts';
import { halfUnitsOf } from './half-units.ts';
import { openSession, type SessionOptions } from './session.ts';

export interface WebGpuOptions extends SessionOptions {
  /** See `openGpu`. */
  readonly matrices?: boolean;
}

/** @throws EnvironmentError `device/none` without a GPU, `device/library` where Dawn does not load */
export async function webgpuDevice({ matrices, ...options }: WebGpuOptions = {}): Promise<Device> {
  let gpu: Gpu | undefined = await openBestGpu(matrices);
  const { adapter, description } = gpu;
  return {
    name: 'webgpu',
    description,
    halves: halfUnitsOf(adapter),
    bound: boundOf(gpu.device.limits),
    open: async ({ files }) => {
      // The first session takes the device that is open already; each has one of its own, and closes it.
      const own = gpu ?? (await openBestGpu(matrices));
      gpu = undefined;
      const session = await openSession(own, files, options);
      return {
        write: (state, values) => session.write(state, values),
        read: (state) => session.read(state),
        readPart: (state, begin, end) => session.readPart(state, begin, end),
        writePart: (state, begin, values) => session.writePart(state, begin, values),
        run: (name, inputs, position) => session.run(name, inputs, position),
        prepare: (name) => session.prepare(name),
        makeResident: (name, samples) => session.makeResident(name, samples),
        close: async () => {
          await session.close();
          own.device.destroy();
        },
      };
    },
  };
}

/** Elements of four bytes in one binding, and in the buffer behind it. */
function boundOf(limits: GPUSupportedLimits): number {
  return Math.floor(bindingBytes(limits) / (4 * REGION_ALIGNMENT)) * REGION_ALIGNMENT;
}
