/** A GPU, opened: the same in Node (Dawn) and in a page. */
import { reasonOf } from '../../../spec/reason-of.ts';
import { nmc } from '../../support/command-text.ts';
import { EnvironmentError } from '../../support/errors.ts';
import { HALF_FEATURE, MATRIX_FEATURES } from './half-units.ts';

export interface Gpu {
  readonly device: GPUDevice;
  readonly adapter: GPUAdapter;
  /** A processor that plays a GPU. */
  readonly software: boolean;
  /** For people: `NVIDIA H100, driver 550`. */
  readonly description: string;
  /** The first thing that went wrong for good: the device is lost, or did what it must not. */
  failure(): Error | undefined;
  /** Rejects when the device goes away; never resolves. */
  readonly gone: Promise<never>;
}

/** Limits of which a kernel may need more than every adapter has. */
const LIMITS = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** Bytes of one binding, and of the buffer behind it, at most. */
export function bindingBytes({ maxBufferSize, maxStorageBufferBindingSize }: GPUSupportedLimits): number {
  return Math.min(maxBufferSize, maxStorageBufferBindingSize);
}

export async function requestAdapter(gpu: GPU): Promise<GPUAdapter | undefined> {
  return (await gpu.requestAdapter({ powerPreference: 'high-performance' })) ?? undefined;
}

/**
 * @param matrices with units for small matrices, where the adapter has them: they are experimental
 * @throws EnvironmentError `device/failed` where the adapter gives no device
 */
export async function openGpu(adapter: GPUAdapter, matrices = false): Promise<Gpu> {
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const wanted = ['timestamp-query', HALF_FEATURE, ...(matrices ? MATRIX_FEATURES : [])] as GPUFeatureName[];
  const requiredFeatures = wanted.filter((name) => adapter.features.has(name));
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  } catch (error) {
    throw new EnvironmentError('device/failed', `the GPU could not be opened: ${reasonOf(error)}`, 'try --device cpu');
  }
  let failure: Error | undefined;
  device.addEventListener('uncapturederror', (event) => {
    failure ??= new EnvironmentError('device/failed', `the GPU refused: ${event.error.message}`, 'try --device cpu');
  });
  const gone = device.lost.then((info): never => {
    failure ??= new EnvironmentError(
      'device/lost',
      `the GPU was lost: ${info.message || info.reason}`,
      `to go on from the last snapshot, with --device cpu also without the GPU: ${nmc`train --resume RUN`}`,
    );
    throw failure;
  });
  gone.catch(() => undefined);
  return {
    device,
    adapter,
    software: isSoftware(adapter.info),
    description: describe(adapter.info),
    failure: () => failure,
    gone,
  };
}

export function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i.test(describe(info));
}

export function describe(info: GPUAdapterInfo): string {
  const name = [info.vendor, info.architecture, info.device].filter((text) => text !== '').join(' ');
  return [name, info.description].filter((text) => text !== '').join(', ') || 'a GPU without a name';
}
