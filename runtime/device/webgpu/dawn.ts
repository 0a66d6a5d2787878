/** The GPUs of this machine in Node, by Dawn. */

import { firstLineOf } from '../../../spec/reason-of.ts';
import { nmc } from '../../support/command-text.ts';
import { EnvironmentError } from '../../support/errors.ts';
import type { Gpu } from './gpu.ts';
import { openGpu, requestAdapter } from './gpu.ts';
import { type DawnClasses, paceDawn } from './pace.ts';

// Dawn ends when its objects are collected, so both are held for good.
let loaded: Promise<GPU> | undefined;
let nothing: Promise<GPU> | undefined;
let paced = false;

/** @throws EnvironmentError `device/library` where Dawn's library does not load on this system */
export function dawn(): Promise<GPU> {
  loaded ??= load([SHOWS_HALVES]);
  return loaded;
}

/** Adapters then offer what only those get who ask for it: units for small matrices, and f16 on NVIDIA's. */
const SHOWS_HALVES = 'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia';

/** @param options of Dawn, for example its backend */
async function load(options: string[]): Promise<GPU> {
  try {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    if (!paced) paceDawn(globals as unknown as DawnClasses);
    paced = true;
    return create(options);
  } catch (error) {
    throw new EnvironmentError(
      'device/library',
      `the GPU library does not load: ${firstLineOf(error)}`,
      'use --device cpu; on Linux it needs glibc 2.34 and the library libstdc++ of GCC 12, or newer',
    );
  }
}

/** The one that is best for work; nothing where there is none. */
export async function findAdapter(): Promise<GPUAdapter | undefined> {
  return requestAdapter(await dawn());
}

/** @param matrices see `openGpu` @throws EnvironmentError `device/none` without a GPU */
export async function openBestGpu(matrices = false): Promise<Gpu> {
  const adapter = await findAdapter();
  if (!adapter)
    throw new EnvironmentError(
      'device/none',
      'this machine has no usable GPU: no driver offers an adapter',
      `use --device cpu; to see more: ${nmc`doctor`}`,
    );
  return openGpu(adapter, matrices);
}

/**
 * A GPU that does nothing at all, everywhere: what a batch takes on it is the time of JavaScript and of Dawn.
 * @param matrices see `openGpu`
 * @throws EnvironmentError `device/library` where Dawn's library does not load on this system
 */
export async function openNothing(matrices = false): Promise<Gpu> {
  nothing ??= load(['backend=null', SHOWS_HALVES]);
  const adapter = await requestAdapter(await nothing);
  if (!adapter) throw new Error('Dawn has no null backend');
  return openGpu(adapter, matrices);
}
