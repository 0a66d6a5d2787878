/** ONNX Runtime is a library for one operating system and processor: where it does not load, the machine is named. */
import { firstLineOf } from '../../spec/reason-of.ts';
import { EnvironmentError } from '../support/errors.ts';
import type { Device } from './device.ts';

/** @throws EnvironmentError `device/library` where ONNX Runtime does not load on this system */
export async function loadCpu(): Promise<Device> {
  try {
    return (await import('./cpu/cpu.ts')).cpuDevice;
  } catch (error) {
    throw new EnvironmentError(
      'device/library',
      `ONNX Runtime does not load on ${process.platform}-${process.arch}: ${firstLineOf(error)}`,
      'install the package made for this system, or use --device reference, which is slow',
    );
  }
}
