/** The cpu device, with its threads, for a bare program. */
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { cpuDevice } from '../../runtime/device/cpu/cpu.ts';
import type { DeviceSession } from '../../runtime/device/device.ts';
import type { Program } from '../../spec/program.ts';

export function openCpu(program: Program): Promise<DeviceSession> {
  return cpuDevice.open({ program, files: lowerToCpu(program) });
}
