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
  rate: 356000000000,
  costs: {
    call: 0.0000881,
    value: 0.00000438,
    valueByte: 2.14e-10,
    operation: 2.79e-7,
    byte: 3.22e-11,
    flop: 4.66e-12,
    farByte: 7.02e-11,
    farValueByte: 0,
    readByte: 1.1e-10,
    stateByte: 8.08e-10,
    speedup: 1.53,
    run: 0.0000668,
    shortRun: 0.0000162,
    handByte: 4.15e-10,
    frame: 0.000323,
    frameByte: 3.77e-9,
    streamFrame: 0.000218,
    framePath: 0.000181,
    framePathByte: 1.78e-9,
    farFrameByte: 4.58e-10,
    window: 0.000702,
    batch: 0.0000574,
    sampleByte: 3.79e-10,
    commit: 0.000679,
    recordByte: 7.02e-10,
    aloneBatch: 0.000311,
    apartRun: 0.000265,
    apartByte: 3.31e-10,
    flush: 0.00258,
  },
};
