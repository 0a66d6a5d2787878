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
  date: '2026-11-29',
  cores: 2,
  rate: 411000000000,
  costs: {
    call: 0.000117,
    value: 0.00000275,
    valueByte: 1.16e-10,
    operation: 0,
    byte: 3.02e-11,
    flop: 3.98e-12,
    farByte: 5.89e-11,
    stateByte: 6.66e-10,
    speedup: 1.64,
    run: 0.000112,
    shortRun: 0.0000241,
    handByte: 7.57e-10,
    frame: 0.000416,
    frameByte: 5.66e-9,
    streamFrame: 0.000371,
    framePath: 0.000182,
    framePathByte: 2.18e-9,
    window: 0.0012,
    apartRun: 0.000157,
    apartByte: 0,
  },
};
