/**
 * A program for GPUs: kernels that fuse its operations, as WGSL, and for each function the dispatches in order. How a
 * function becomes that, step by step, is in `steps.ts`.
 */
import { printKernels } from '../../../spec/kernel-text.ts';
import {
  KERNEL_LIST,
  type KernelProgram,
  MAX_BOUND_ELEMENTS,
  modulePath,
  multipliesHalves,
} from '../../../spec/kernels.ts';
import { type HalfUnit, type Precision, SCALAR_HALVES } from '../../../spec/precision.ts';
import type { Program } from '../../../spec/program.ts';
import { DEFAULT_TILES, type TileChoice } from '../../../spec/tiles.ts';
import type { Target } from './forms.ts';
import { Modules } from './modules.ts';
import { type PersistentLimits, SMALL } from './persistent-runs.ts';
import { Arenas, placeStates, type SharedArenas, ValueArena } from './place.ts';
import { formsFor } from './product-forms.ts';
import type { StepObserver } from './step-chain.ts';
import { lowering } from './steps.ts';

export interface LoweredKernels {
  readonly kernels: KernelProgram;
  /** WGSL by the name of its module. */
  readonly modules: ReadonlyMap<string, string>;
}

/** Properties of the device that kernels are made for. */
export interface WgslOptions {
  /** Settings that were measured to be best on the device. */
  readonly tiles?: TileChoice | undefined;
  readonly precision?: Precision | undefined;
  /** The unit that multiplies where the precision is `f16`. */
  readonly halves?: HalfUnit | undefined;
  /** Elements of one buffer, except of one tensor that has more. */
  readonly most?: number | undefined;
  /** Elements that one binding may have, a multiple of `REGION_ALIGNMENT`: larger tensors lie in parts. */
  readonly bound?: number | undefined;
  /** Launches that share a dispatch with their neighbours. */
  readonly small?: PersistentLimits | undefined;
}

/**
 * @param observe told of every step of every function
 * @throws TooManyParts where a tensor has more parts than one kernel can bind
 */
export function lowerToWgsl(program: Program, options: WgslOptions = {}, observe?: StepObserver): LoweredKernels {
  const { most = MAX_BOUND_ELEMENTS, bound = MAX_BOUND_ELEMENTS } = options;
  const target = targetOf(options, bound);
  const stateArenas = new Arenas('states', most, bound);
  const states = placeStates(program, stateArenas);
  const values = new ValueArena(most, bound);
  const halves = new Arenas('halves', most, bound);
  const modules = new Modules();
  const lists: SharedArenas[] = [];
  const functions = program.functions.map((f) => {
    // Runs may follow each other before their inputs and results have been fetched: each function has its own.
    const inputs = new Arenas(`inputs of ${f.name}`, most, bound);
    const results = new Arenas(`results of ${f.name}`, most, bound);
    const arenas = { states: stateArenas, values, halves, inputs, results };
    lists.push(arenas);
    return lowering.run({ program, f, target, states, arenas, modules }, observe);
  });
  const arenas = [
    ...stateArenas.list(),
    ...values.list(),
    ...halves.list(),
    ...lists.flatMap(({ inputs, results }) => [...inputs.list(), ...results.list()]),
  ];
  return {
    kernels: { name: program.name, arenas, modules: modules.list, states: states.flatMap((s) => s.parts), functions },
    modules: modules.texts(),
  };
}

function targetOf(
  { tiles = DEFAULT_TILES, precision = 'f32', halves = SCALAR_HALVES, small = SMALL }: WgslOptions,
  bound: number,
): Target {
  return { forms: formsFor(tiles, precision === 'f16' ? halves : undefined), precision, bound, small };
}

/** Whether some function makes copies in half precision, or multiplies in it. */
export const usesHalves = ({ kernels, modules }: LoweredKernels): boolean =>
  kernels.arenas.some((a) => a.name === 'halves') || [...modules.values()].some(multipliesHalves);

/** @returns the files of a plan: `kernels/dispatches.txt` and `kernels/ID.wgsl` */
export function kernelFiles({ kernels, modules }: LoweredKernels): Map<string, Uint8Array> {
  const encoder = new TextEncoder();
  const files = new Map([[KERNEL_LIST, encoder.encode(printKernels(kernels))]]);
  for (const [id, text] of modules) files.set(modulePath(id), encoder.encode(text));
  return files;
}
