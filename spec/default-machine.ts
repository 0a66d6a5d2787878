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
  rate: 398000000000,
  costs: {
    call: 0.0000809,
    value: 0.00000445,
    valueByte: 1.26e-10,
    operation: 2.95e-7,
    byte: 3.2e-11,
    flop: 4.42e-12,
    farByte: 5.42e-11,
    farValueByte: 0,
    readByte: 8.05e-11,
    stateByte: 6.76e-10,
    speedup: 1.67,
    run: 0.0000489,
    shortRun: 0.0000154,
    handByte: 4.89e-10,
    frame: 0.000326,
    frameByte: 3.96e-9,
    streamFrame: 0.000283,
    framePath: 0.000155,
    framePathByte: 2.7e-9,
    farFrameByte: 0,
    window: 0.000935,
    batch: 0.000043,
    sampleByte: 3.23e-10,
    commit: 0.000705,
    recordByte: 3.08e-10,
    aloneBatch: 0.000247,
    apartRun: 0.000146,
    apartByte: 1.66e-9,
    flush: 0.00227,
  },
};
