/** The adapter that a GPU offers, in words and numbers. */
import type { AdapterCapability, DeviceCapability } from '../../../spec/capability.ts';
import { halfUnitsOf } from '../../device/webgpu/half-units.ts';
import { EnvironmentError } from '../../support/errors.ts';
import { trustedHalves } from './trusted-halves.ts';

/** Limits that decide whether a model fits. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupsPerDimension',
] as const;

export async function adapterOf(): Promise<AdapterCapability | undefined> {
  const [{ findAdapter }, { isSoftware }] = await Promise.all([
    import('../../device/webgpu/dawn.ts'),
    import('../../device/webgpu/gpu.ts'),
  ]);
  const adapter = await findAdapter();
  if (!adapter) return undefined;
  const { vendor, architecture, device, description } = adapter.info;
  return {
    vendor,
    architecture,
    device,
    description,
    software: isSoftware(adapter.info),
    features: [...adapter.features].sort(),
    halves: halfUnitsOf(adapter).length > 0 ? await trustedHalves() : [],
    limits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  };
}

/** @throws what is not a failure of the machine */
export function failedGpu(error: unknown): DeviceCapability {
  if (!(error instanceof EnvironmentError)) throw error;
  const driver =
    process.platform === 'linux'
      ? "install the GPU's Vulkan driver and the loader libvulkan.so.1 (Debian: libvulkan1, mesa-vulkan-drivers; NVIDIA: its own driver), then ask again"
      : "install the GPU's newest driver, then ask again";
  return {
    device: 'webgpu',
    available: false,
    description: 'WGSL kernels through Dawn',
    reason: error.message,
    repair: error.code === 'device/none' ? driver : (error.repair ?? driver),
  };
}
