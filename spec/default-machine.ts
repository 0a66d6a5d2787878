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
  rate: 29800000000,
  costs: {
    call: 0.0000643,
    value: 0.00000201,
    valueByte: 2.13e-10,
    operation: 4.87e-8,
    byte: 3.17e-11,
    flop: 4.57e-12,
    stateByte: 7.59e-10,
    speedup: 1.73,
    run: 0.0000924,
    shortRun: 0.0000251,
    handByte: 4.48e-10,
    frame: 0.000233,
    frameByte: 2.95e-9,
    window: 0.000432,
  },
};
