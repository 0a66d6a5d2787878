/**
 * From a program to what a device runs. What comes from outside is the text of programs and schedules alone: the
 * machine that runs them always makes the compiled forms itself, by an implementation of this that the caller of the
 * runtime hands over.
 */
import type { HalfUnit, Precision } from './precision.ts';
import type { Program } from './program.ts';

/** The device that will run the program. */
export interface LoweringTarget {
  /** `cpu`, `webgpu`; a device of any other name runs the program as it is. */
  readonly name: string;
  /** For people, and what is remembered of it. */
  readonly description: string;
  /** How its products read their sides, where that is not as they are. */
  readonly precision?: Precision;
  /** Units that it multiplies f16 with, the fastest first. */
  readonly halves?: readonly HalfUnit[];
  /** Elements of a tensor that it takes at once. */
  readonly bound?: number;
  /** Of how many shards the program is one, when they are not one: shards alike share what has no names of its own. */
  readonly shards?: number;
}

/** @returns compiled forms by the device's names of them (`cpu/train.onnx`), of every function of the program */
export type Lowering = (program: Program, target: LoweringTarget) => Promise<ReadonlyMap<string, Uint8Array>>;
