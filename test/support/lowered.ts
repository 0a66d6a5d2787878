/** Kernels of a program, each as a launch of its own however small, or all of them as persistent ones. */
import { type LoweredKernels, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import { NOTHING_PERSISTENT } from '../../compiler/7-kernels/wgsl/persistent-runs.ts';
import type { HalfUnit, Precision } from '../../spec/precision.ts';
import type { Program } from '../../spec/program.ts';

const EVERYTHING = { elements: Infinity, terms: Infinity, launches: 1 };

export function launchByLaunch(program: Program, precision?: Precision, halves?: HalfUnit): LoweredKernels {
  return lowerToWgsl(program, { precision, halves, small: NOTHING_PERSISTENT });
}

/** Whatever there is, in one group. */
export function inOneGroup(program: Program, precision?: Precision): LoweredKernels {
  return lowerToWgsl(program, { precision, small: EVERYTHING });
}
