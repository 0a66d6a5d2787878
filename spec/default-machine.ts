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
  name: '2 cores of a server',
  date: '2026-11-29',
  cores: 2,
  rate: 1.5e11,
  costs: {
    call: 2.3e-5,
    value: 1.97e-6,
    valueByte: 9.55e-11,
    operation: 1.5e-7,
    byte: 2.5e-11,
    flop: 5.7e-12,
    stateByte: 6.3e-10,
    frame: 2.2e-4,
    frameByte: 1.93e-9,
    run: 1.16e-5,
    handByte: 9.5e-10,
    speedup: 1.6,
  },
};
