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
  rate: 413000000000,
  costs: {
    call: 0.000115,
    value: 0.00000204,
    valueByte: 5.27e-10,
    operation: 0,
    byte: 3.09e-11,
    flop: 3.6e-12,
    farByte: 5.7e-11,
    farValueByte: 0,
    readByte: 9.35e-11,
    stateByte: 7.13e-10,
    speedup: 1.67,
    run: 0.000126,
    shortRun: 0.0000311,
    handByte: 0,
    frame: 0.000408,
    frameByte: 7.25e-9,
    streamFrame: 0.000305,
    framePath: 0.000275,
    framePathByte: 3.27e-9,
    farFrameByte: 0,
    window: 0.00121,
    batch: 0.0000484,
    sampleByte: 8.7e-10,
    commit: 0.000811,
    recordByte: 1.11e-9,
    apartRun: 0.000136,
    apartByte: 0,
  },
};
