/** The WebGPU device, on a driver that is a program. */
import { lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import type { Device } from '../../runtime/device/device.ts';
import { openShard } from '../../runtime/shard/shard.ts';
import type { Precision } from '../../spec/precision.ts';
import { openLowered } from '../support/webgpu.ts';
import { HALF_UNIT, type Machine, UNIT } from './compare.ts';

const device = (precision: Precision): Device => ({
  name: 'webgpu',
  description: precision,
  open: ({ program }) => openLowered((p) => lowerToWgsl(p, { precision }))(program),
});

const machine = (name: string, unit: number, precision: Precision): Machine => ({
  name,
  unit,
  open: ({ whole: { program } }, begin) => {
    // What two lanes share a batch with is for the cpu alone.
    const train = { ...program, functions: program.functions.filter((f) => f.name === 'train') };
    return openShard(device(precision), { program: train, files: new Map() }, () => begin);
  },
});

export const webgpu = machine('webgpu', UNIT, 'f32');
export const webgpuHalves = machine('webgpu, f16 weights', HALF_UNIT, 'f16-weights');
