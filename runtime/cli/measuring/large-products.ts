/**
 * What a byte of a large matrix costs a product that reads it: few samples pass through many weights, which come from
 * memory each time, and are arranged anew for the product, however few the samples are.
 */
import type { Costs } from '../../../spec/costs.ts';
import type { Device } from '../../device/device.ts';
import { fill, openOnOneThread, POSITION, processorSeconds } from './measure.ts';
import { productProgram } from './programs.ts';

/** A part of a batch, and weights between two layers of 2,048. */
const SHAPE = { m: 32, n: 2048, k: 2048 };
const BYTES = 4 * SHAPE.n * SHAPE.k;
const [RUNS, PASSES] = [4, 3] as const;

export async function readByte(device: Device, near: Pick<Costs, 'call' | 'flop'>): Promise<number> {
  const program = productProgram(SHAPE, 1);
  const session = await openOnOneThread(device, program);
  try {
    await fill(session, program);
    return beyondFlops(await processorSeconds(() => session.run('run', {}, POSITION), RUNS, PASSES), near);
  } finally {
    await session.close();
  }
}

/** @param seconds of a run */
export function beyondFlops(seconds: number, { call, flop }: Pick<Costs, 'call' | 'flop'>): number {
  return Math.max(0, seconds - call - 2 * SHAPE.m * SHAPE.n * SHAPE.k * flop) / BYTES;
}
