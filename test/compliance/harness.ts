/** Runs operator cases on a device: the value, and the gradient that the table's derivative writes down. */

import { BlockBuilder, createNames } from '../../compiler/5-program/builder.ts';
import { gradients } from '../../compiler/5-program/gradient.ts';
import { closeBlock } from '../../compiler/5-program/training.ts';
import type { Value } from '../../compiler/operators/operator.ts';
import { operators } from '../../compiler/operators/table.ts';
import type { DeviceSession, FieldData, Tensor } from '../../runtime/device/device.ts';
import type { Program, ProgramFunction } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import type { OperatorCase } from './operators.ts';

/** The field of the gradient of the result: the weights of the sum that is differentiated. */
const SEED = 'gradient';

/** A program of one function a case: results `value`, and `slope.I` for each argument that has a derivative. */
export function caseProgram(cases: readonly OperatorCase[]): Program {
  return { name: 'operators', states: [], functions: cases.map((c, i) => caseFunction(c, `case${i}`)) };
}

function caseFunction(c: OperatorCase, name: string): ProgramFunction {
  const builder = new BlockBuilder(createNames());
  const args: Value[] = c.args.map((a, i) => ({ id: `x${i}`, shape: a.shape }));
  const value = builder.op(c.operator, args, c.attributes);
  const seed = { id: SEED, shape: value.shape };
  const found = gradients(builder, [{ value, gradient: seed }], args);
  const results = [{ name: 'value', value: value.id }];
  args.forEach((a, i) => {
    const gradient = found.get(a.id);
    if (gradient) results.push({ name: `slope.${i}`, value: gradient.id });
  });
  const inputs = [...args, ...(results.length > 1 ? [seed] : [])].map(({ id, shape }) => ({
    id,
    field: id,
    type: 'f32' as const,
    shape,
  }));
  return { name, role: 'other', batch: 1, inputs, blocks: [closeBlock(builder, 'operator')], updates: [], results };
}

/** Inputs of a case's function. */
export function caseInputs(c: OperatorCase): Record<string, FieldData> {
  const inputs: Record<string, FieldData> = { [SEED]: gradientSeed(c) };
  c.args.forEach((a, i) => {
    inputs[`x${i}`] = a.data;
  });
  return inputs;
}

/** Random weights of the sum that is differentiated. */
export function gradientSeed(c: OperatorCase): Float32Array {
  const shape = operators[c.operator].shape(
    c.args.map((a) => a.shape),
    c.attributes,
  );
  const rng = stream(7, c.name);
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => rng.normal(i));
}

export type CaseResults = Readonly<Record<string, Tensor>>;

/** Opens a program on the device to compare: whatever that device needs compiled is compiled here. */
export type Opener = (program: Program) => Promise<DeviceSession>;

/** All results of all cases, in their order. */
export async function runCases(open: Opener, cases: readonly OperatorCase[]): Promise<CaseResults[]> {
  const session = await open(caseProgram(cases));
  const results: CaseResults[] = [];
  for (const [i, c] of cases.entries())
    results.push(await session.run(`case${i}`, caseInputs(c), { batch: 0, batches: 1 }));
  await session.close();
  return results;
}

/**
 * Largest |a - b| / max(1, |b|) over all elements; infinite where the lengths differ, or where one is a number and the
 * other is not.
 */
export function largestError(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (found.length !== wanted.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < wanted.length; i++) {
    const a = found[i] as number;
    const b = wanted[i] as number;
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const error = Math.abs(a - b) / Math.max(1, Math.abs(b));
    largest = Math.max(largest, Number.isNaN(error) ? Infinity : error);
  }
  return largest;
}

/** Compares a device with another, usually with `reference`. @returns the largest error by case and result */
export async function compareDevices(
  device: Opener,
  oracle: Opener,
  cases: readonly OperatorCase[],
): Promise<{ readonly name: string; readonly error: number }[]> {
  const [found, wanted] = [await runCases(device, cases), await runCases(oracle, cases)];
  return cases.flatMap((c, i) =>
    Object.entries(wanted[i] ?? {}).map(([result, values]) => ({
      name: `${c.name}: ${result}`,
      error: largestError(found[i]?.[result] ?? [], values),
    })),
  );
}
