/**
 * What bytes of large values cost on their way to a device's thread and back beyond those of small ones: memory for
 * them is made anew each time, and garbage is collected of all that the process holds. So it is counted in time of
 * processors, all threads together, over so many runs that some of them wait for the collection.
 */
import { type Costs, farOf } from '../../../spec/costs.ts';
import type { Device } from '../../device/device.ts';
import { inputsOf, openOnOneThread, POSITION, processorSeconds } from './measure.ts';
import { valuesProgram } from './programs.ts';

/** Values of 2 MiB: a node of 2,048 in a batch of 256. */
const LARGE = { rows: 256, columns: 2048, count: 2 };
const BYTES = 4 * LARGE.rows * LARGE.columns;
/** Some 270 MB; of the passes the one that took least counts. */
const [RUNS, PASSES] = [32, 2] as const;

type Near = Required<Pick<Costs, 'call' | 'value' | 'valueByte' | 'operation' | 'byte'>>;

export async function farValueByte(device: Device, near: Near): Promise<number> {
  const program = valuesProgram(LARGE.rows, LARGE.columns, LARGE.count);
  const session = await openOnOneThread(device, program);
  try {
    const inputs = inputsOf(program, 'run');
    return beyondNear(await processorSeconds(() => session.run('run', inputs, POSITION), RUNS, PASSES), near);
  } finally {
    await session.close();
  }
}

/** @param seconds of a run */
export function beyondNear(seconds: number, { call, value, valueByte, operation, byte }: Near): number {
  const ofEach = operation + BYTES * byte + 2 * (value + BYTES * valueByte);
  return Math.max(0, seconds - call - LARGE.count * ofEach) / (2 * LARGE.count * farOf(BYTES));
}
