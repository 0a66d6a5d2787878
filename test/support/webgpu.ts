/** The WebGPU device on the software driver, for tests. */
import { kernelFiles, type LoweredKernels, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import type { Device } from '../../runtime/device/device.ts';
import { openBestGpu } from '../../runtime/device/webgpu/dawn.ts';
import type { Gpu } from '../../runtime/device/webgpu/gpu.ts';
import { openSession, type SessionOptions } from '../../runtime/device/webgpu/session.ts';
import type { Program } from '../../spec/program.ts';
import { launchByLaunch } from './lowered.ts';
import { useSoftwareVulkan } from './software-vulkan.ts';

let gpu: Promise<Gpu> | undefined;

/** One device for all tests of a file. */
export function softwareGpu(): Promise<Gpu> {
  gpu ??= useSoftwareVulkan().then(() => openBestGpu(true));
  return gpu;
}

/** A program on it, as kernels of some form; whatever a run computes is not a number before. */
export function openLowered(
  lower: (program: Program) => LoweredKernels,
  options: SessionOptions = {},
): (program: Program) => ReturnType<typeof openSession> {
  return async (program) => openSession(await softwareGpu(), kernelFiles(lower(program)), { poison: true, ...options });
}

export const openWebGpu = openLowered((program) => lowerToWgsl(program));

/** The same, with each kernel as a launch of its own. */
export const openLaunches = openLowered((program) => launchByLaunch(program));

/** The same as a device, for plans with kernels in them. */
export async function softwareDevice(): Promise<Device> {
  const { description } = await softwareGpu();
  const open: Device['open'] = async ({ files }) => openSession(await softwareGpu(), files, { poison: true });
  return { name: 'webgpu', description, open };
}
