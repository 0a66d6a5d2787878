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
  rate: 402000000000,
  costs: {
    call: 0.000115,
    value: 0.00000208,
    valueByte: 5.34e-10,
    operation: 0,
    byte: 3.04e-11,
    flop: 3.65e-12,
    farByte: 5.78e-11,
    farValueByte: 0,
    readByte: 9.67e-11,
    stateByte: 6.91e-10,
    speedup: 1.56,
    run: 0.000165,
    shortRun: 0.0000389,
    handByte: 0,
    frame: 0.000398,
    frameByte: 7.83e-9,
    streamFrame: 0.000334,
    framePath: 0.000246,
    framePathByte: 2.43e-9,
    farFrameByte: 0,
    window: 0.00129,
    batch: 0.0000645,
    sampleByte: 9.01e-10,
    commit: 0.00062,
    recordByte: 1.34e-9,
    apartRun: 0.000256,
    apartByte: 0,
    flush: 0.00228,
  },
};
