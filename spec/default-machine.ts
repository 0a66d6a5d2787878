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
  rate: 392000000000,
  costs: {
    call: 0.00013,
    value: 0.00000298,
    valueByte: 1.61e-10,
    operation: 2.23e-8,
    byte: 3.18e-11,
    flop: 4.45e-12,
    stateByte: 7.69e-10,
    speedup: 1.6,
    run: 0.000138,
    shortRun: 0.0000266,
    handByte: 5.65e-10,
    frame: 0.000231,
    frameByte: 3.91e-9,
    window: 0.000457,
  },
};
