/** The device that a command was asked for, with kernels made here where a plan brings none. */
import { KERNEL_LIST } from '../../../spec/kernels.ts';
import { type HalfUnit, PRECISIONS, type Precision } from '../../../spec/precision.ts';
import { chooseDevice } from '../../device/choose.ts';
import type { Device, DeviceSession, Executable } from '../../device/device.ts';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { lowerHere } from '../compiling/lower-here.ts';
import { kernelTimes } from '../measuring/kernel-times.ts';
import { debugLog } from './debug.ts';

/**
 * `--precision`; nothing is rounded by default.
 * @throws UserError `precision/unknown`
 */
export function precisionOf(args: { readonly precision?: string | undefined }): Precision {
  const asked = args.precision ?? 'f32';
  const found = PRECISIONS.find((name) => name === asked);
  if (!found)
    throw new UserError(
      'precision/unknown',
      `the precision ${asked} is unknown`,
      `use one of ${PRECISIONS.join(', ')}`,
    );
  return found;
}

/** @throws UserError `precision/device` for a device that only computes in its own */
export function assertOffers(device: string, precision: Precision): void {
  if (precision !== 'f32' && device !== 'webgpu')
    throw new UserError(
      'precision/device',
      `${device} computes in its own precision: only webgpu has ${precision}`,
      'add --device webgpu, or leave --precision out',
    );
}

/** Options that a GPU is opened with for it. */
export const gpuOptions = (precision: Precision): { matrices: boolean } => ({ matrices: precision === 'f16' });

/** @throws UserError `precision/device` where `f16` is asked for and nothing multiplies it */
export function assertMultiplies(halves: readonly HalfUnit[], precision: Precision): void {
  if (precision === 'f16' && halves.length === 0)
    throw new UserError(
      'precision/device',
      `this GPU does not multiply f16: it offers no shader-f16, or gave wrong products; to see which: ${nmc`doctor`}`,
      'use --precision f16-weights, or leave it out; a run goes on with --resume RUN --device cpu',
    );
}

/** Units that multiply f16, the fastest first. Most commands want none, and load nothing for it. */
async function halvesFor(precision: Precision): Promise<HalfUnit[]> {
  if (precision !== 'f16') return [];
  const halves = await (await import('../measuring/trusted-halves.ts')).trustedHalves();
  assertMultiplies(halves, precision);
  return halves;
}

/** @throws UserError `device/unknown`, `precision/…`; EnvironmentError where the device does not start */
export async function commandDevice(name: string, precision: Precision = 'f32'): Promise<Device> {
  assertOffers(name, precision);
  const times = debugLog().shows('timing') ? kernelTimes(debugLog()) : undefined;
  const halves = await halvesFor(precision);
  const device = await chooseDevice(name, { ...gpuOptions(precision), ...(times ? { profile: times.add } : {}) });
  if (device.name !== 'webgpu') return device;
  return {
    ...device,
    ...(precision === 'f32' ? {} : { precision, description: `${device.description}, ${precision}` }),
    open: async (executable) => {
      const session = await device.open(await withKernels(executable, { ...device, halves }, precision));
      return {
        write: (state, values) => session.write(state, values),
        read: (state) => session.read(state),
        ...partsOf(session),
        run: (called, inputs, position) => session.run(called, inputs, position),
        prepare: (called) => session.prepare(called),
        makeResident: async (called, samples) => session.makeResident?.(called, samples),
        close: async () => {
          times?.print();
          await session.close();
        },
      };
    },
  };
}

/** Parts of states, where the device reads and writes them. */
function partsOf({ readPart, writePart }: DeviceSession): Pick<DeviceSession, 'readPart' | 'writePart'> {
  return readPart && writePart ? { readPart, writePart } : {};
}

async function withKernels(
  executable: Executable,
  device: Device & { readonly halves: readonly HalfUnit[] },
  precision: Precision,
): Promise<Executable> {
  const { program, files } = executable;
  if (files.has(KERNEL_LIST)) return executable;
  const kernels = await lowerHere()(program, { ...device, precision });
  return { program, files: new Map([...files, ...kernels]) };
}
