/** The WebGPU device on the software driver, for tests. */
import { kernelFiles, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import type { Device } from '../../runtime/device/device.ts';
import { openBestGpu } from '../../runtime/device/webgpu/dawn.ts';
import type { Gpu } from '../../runtime/device/webgpu/gpu.ts';
import { openSession } from '../../runtime/device/webgpu/session.ts';
import type { Opener } from '../compliance/harness.ts';
import { launchByLaunch } from './lowered.ts';
import { useSoftwareVulkan } from './software-vulkan.ts';

let gpu: Promise<Gpu> | undefined;

/** One device for all tests of a file. */
export function softwareGpu(): Promise<Gpu> {
  gpu ??= useSoftwareVulkan().then(openBestGpu);
  return gpu;
}

/** A program on it; whatever a run computes is no number before. */
export const openWebGpu: Opener = async (program) =>
  openSession(await softwareGpu(), kernelFiles(lowerToWgsl(program)), { poison: true });

/** The same, with each kernel as a launch of its own. */
export const openLaunches: Opener = async (program) =>
  openSession(await softwareGpu(), kernelFiles(launchByLaunch(program)), { poison: true });

/** The same as a device, for plans with kernels in them. */
export async function softwareDevice(): Promise<Device> {
  const { description } = await softwareGpu();
  const open: Device['open'] = async ({ files }) => openSession(await softwareGpu(), files, { poison: true });
  return { name: 'webgpu', description, open };
}
