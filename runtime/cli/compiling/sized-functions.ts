/**
 * Predictions of a plan for fewer samples than its batch, made here: a served transformer took as long for one sample
 * as for 256.
 */

import { FixedBatch } from '../../../compiler/5-program/batch-axes.ts';
import { countFlops } from '../../../compiler/5-program/cost.ts';
import { rebatchable } from '../../../compiler/5-program/rebatch.ts';
import { sizedName } from '../../../spec/names.ts';
import type { PlanPrediction } from '../../../spec/plan.ts';
import type { Program, ProgramFunction, State } from '../../../spec/program.ts';
import type { Device } from '../../device/device.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import type { Shard } from '../../shard/shard.ts';

/** Samples at once, besides a plan's own batch. */
const SIZES = [1, 8, 64];
/** What a core does in less than a millisecond. */
const QUICK_FLOPS = 2e7;

/** Functions of the model that will be called, and where some of them are for fewer samples, the plan with those. */
export interface Sized {
  readonly loaded: VerifiedPlan;
  readonly called: readonly string[];
  /** Of these, what a server calls so often and is so little that its own thread does it. */
  readonly quick?: readonly string[];
}

/** What predicts so many samples, batch by batch. */
export function sizesFor(loaded: VerifiedPlan, device: Device, prediction: PlanPrediction, samples: number): Sized {
  const { batch, function: whole } = prediction;
  const left = samples % batch;
  const size = left === 0 ? undefined : SIZES.find((n) => n >= left && n < batch);
  if (size === undefined) return { loaded, called: [whole] };
  const sized = withSizes(loaded, device, [{ prediction, sizes: [size] }]);
  return { ...sized, called: [...sized.called, whole] };
}

/** Every prediction for any number of samples. */
export function allSizes(loaded: VerifiedPlan, device: Device): Sized {
  const { predictions } = loaded.plan;
  const wanted = predictions.map((prediction) => ({ prediction, sizes: SIZES.filter((n) => n < prediction.batch) }));
  const sized = withSizes(loaded, device, wanted);
  const called = [...predictions.map((p) => p.function), ...sized.called];
  return { ...sized, called, quick: quickOf(sized.loaded, sized.called) };
}

/** Begins to load what was made besides a plan's own functions, so that no request has to wait for it. */
export function prepareSizes({ sizes, prepare }: Shard): void {
  for (const [name, batches] of sizes ?? []) for (const batch of batches) prepare?.(sizedName(name, batch));
}

/**
 * Functions made here for one sample that take less than a millisecond. More samples run as `nmc predict` has them, bit
 * for bit.
 */
function quickOf({ programs }: VerifiedPlan, made: readonly string[]): string[] {
  const [program] = programs;
  if (!program) return [];
  const functions = program.functions.filter((f) => f.batch === 1 && made.includes(f.name));
  return functions.filter((f) => countFlops(program, f) <= QUICK_FLOPS).map((f) => f.name);
}

interface Wanted {
  readonly prediction: PlanPrediction;
  readonly sizes: readonly number[];
}

function withSizes(loaded: VerifiedPlan, device: Device, wanted: readonly Wanted[]): Sized {
  const [program] = loaded.programs;
  // A GPU has room for a whole batch, and makes its kernels of all functions that a program has.
  if (!program || loaded.programs.length > 1 || device.name === 'webgpu') return { loaded, called: [] };
  const functions: ProgramFunction[] = [];
  const states: State[] = [];
  for (const { prediction, sizes } of wanted)
    for (const made of madeFor(program, prediction, sizes)) {
      functions.push(made.f);
      states.push(...made.states);
    }
  const sized = {
    ...program,
    states: [...program.states, ...states],
    functions: [...program.functions, ...functions],
  };
  return { loaded: { ...loaded, programs: [sized] }, called: functions.map((f) => f.name) };
}

/** Nothing where samples are not predicted one by one, or where the plan has functions of these names. */
function madeFor(
  program: Program,
  prediction: PlanPrediction,
  sizes: readonly number[],
): { readonly f: ProgramFunction; readonly states: readonly State[] }[] {
  const f = program.functions.find((g) => g.name === prediction.function);
  if (!f || f.batch !== prediction.batch) return [];
  const known = new Set([...program.functions.map((g) => g.name), ...program.states.map((s) => s.id)]);
  try {
    const at = rebatchable(program, f);
    const made = sizes.map((n) => at(n, sizedName('', n)));
    return made.filter((m) => !known.has(m.f.name) && m.states.every((s) => !known.has(s.id)));
  } catch (error) {
    if (error instanceof FixedBatch) return [];
    throw error;
  }
}
