/** The device that a command was asked for, with kernels made here where a plan brings none. */
import { KERNEL_LIST } from '../../spec/kernels.ts';
import type { TileChoice } from '../../spec/tiles.ts';
import { chooseDevice } from '../device/choose.ts';
import type { Device, Executable } from '../device/device.ts';
import { debugLog, timed } from './debug.ts';
import { kernelTimes } from './kernel-times.ts';
import { rememberedTiles } from './measuring/remembered-tiles.ts';

/** @throws UserError `device/unknown`; EnvironmentError where the device does not start */
export async function commandDevice(name: string): Promise<Device> {
  const times = debugLog().shows('timing') ? kernelTimes(debugLog()) : undefined;
  const device = await chooseDevice(name, times ? { profile: times.add } : {});
  if (device.name !== 'webgpu') return device;
  return {
    ...device,
    open: async (executable) => {
      const session = await device.open(await withKernels(executable, rememberedTiles(device.description)));
      return {
        write: (state, values) => session.write(state, values),
        read: (state) => session.read(state),
        run: (called, inputs, position) => session.run(called, inputs, position),
        prepare: (called) => session.prepare(called),
        keep: async (called, samples) => session.keep?.(called, samples),
        close: async () => {
          times?.print();
          await session.close();
        },
      };
    },
  };
}

async function withKernels(executable: Executable, tiles: TileChoice): Promise<Executable> {
  const { program, files } = executable;
  if (files.has(KERNEL_LIST)) return executable;
  const { kernelFiles, lowerToWgsl } = await import('../../compiler/7-kernels/wgsl/lower.ts');
  const lowered = timed('kernels', () => lowerToWgsl(program, tiles));
  const { shows, debug } = debugLog();
  if (shows('kernels')) for (const [id, wgsl] of lowered.modules) debug('kernels', `${id}\n${wgsl}`);
  return { program, files: new Map([...files, ...kernelFiles(lowered)]) };
}
