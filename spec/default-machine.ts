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
  rate: 426000000000,
  costs: {
    call: 0.0000679,
    value: 0.00000281,
    valueByte: 1.41e-10,
    operation: 2.81e-7,
    byte: 3.05e-11,
    flop: 4.39e-12,
    farByte: 5.22e-11,
    farValueByte: 0,
    readByte: 7e-11,
    stateByte: 6.59e-10,
    speedup: 1.79,
    run: 0.0000568,
    shortRun: 0.0000143,
    handByte: 3.92e-10,
    frame: 0.000259,
    frameByte: 2.82e-9,
    streamFrame: 0.000162,
    crowdedFrame: 0.000288,
    crowdedStreamFrame: 0.000083,
    crowdedFrameByte: 5.16e-9,
    framePath: 0.00018,
    framePathByte: 1.97e-9,
    farFrameByte: 4.14e-10,
    window: 0.000585,
    batch: 0.0000313,
    sampleByte: 2.72e-10,
    commit: 0.000446,
    recordByte: 4.17e-10,
    aloneBatch: 0.000211,
    apartRun: 0.000203,
    apartByte: 0,
    flush: 0.00219,
    diskRow: 9.02e-7,
  },
};
