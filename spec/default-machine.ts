/**
 * The machine that plans are counted for where none is named. Written by `npm run default-machine`, which measures the
 * machine that it runs on: nothing else should run there meanwhile.
 */
import type { Costs } from './costs.ts';

export interface NamedMachine {
  readonly name: string;
  /** When it was measured. */
  readonly date: string;
  readonly cores: number;
  /** FLOP/s of all cores together. */
  readonly rate: number;
  readonly costs: Costs;
}

export const DEFAULT_MACHINE: NamedMachine = {
  name: '2 cores of AMD EPYC',
  date: '2026-11-30',
  cores: 2,
  rate: 378000000000,
  costs: {
    call: 0.0000716,
    value: 0.0000046,
    valueByte: 1.88e-10,
    operation: 3.12e-7,
    byte: 3.3e-11,
    flop: 4.83e-12,
    farByte: 6.68e-11,
    farValueByte: 0,
    readByte: 1.11e-10,
    stateByte: 7.58e-10,
    speedup: 1.72,
    run: 0.0000605,
    shortRun: 0.000015,
    handByte: 2.42e-10,
    frame: 0.00031,
    frameByte: 3.3e-9,
    streamFrame: 0.000182,
    framePath: 0.000096,
    framePathByte: 2.45e-9,
    farFrameByte: 8.4e-10,
    window: 0.000941,
    batch: 0.0000418,
    sampleByte: 3.62e-10,
    commit: 0.0006,
    recordByte: 5.07e-10,
    aloneBatch: 0.000262,
    apartRun: 0.000301,
    apartByte: 5.84e-10,
    flush: 0.00255,
  },
};
