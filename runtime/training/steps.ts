/** Fields that a function reads in each step of a sequence (semantics.md, equation 17). */
import type { PlanField } from '../../spec/plan.ts';
import { sizeOf } from '../../spec/program.ts';
import type { FieldData } from '../device/device.ts';

/** Fields in the shape in which the data hold them: with the axis of steps in front. */
export function wholeFields(inputs: readonly PlanField[]): PlanField[] {
  return inputs.map(({ name, type, shape, steps }) => ({
    name,
    type,
    shape: steps === undefined ? shape : [steps, ...shape],
  }));
}

/**
 * The inputs of step `step` of `sequence`: of a field with `steps` elements the one numbered floor(step · steps /
 * sequence), so that a sense with a rate keeps its last sample; other fields are the same in every step.
 * @param fed one batch of each field, whole sequences
 */
export function inputsOfStep(
  inputs: readonly PlanField[],
  fed: Readonly<Record<string, FieldData>>,
  step: number,
  sequence: number,
): Record<string, FieldData> {
  const found: Record<string, FieldData> = {};
  for (const field of inputs) {
    const data = fed[field.name] as FieldData;
    const { steps, shape } = field;
    found[field.name] =
      steps === undefined
        ? data
        : elementOf(data, data.length / (steps * sizeOf(shape)), steps, Math.floor((step * steps) / sequence));
  }
  return found;
}

/** Element `at` of `steps` of every row. */
export function elementOf(data: FieldData, rows: number, steps: number, at: number): FieldData {
  const size = rows === 0 ? 0 : data.length / (rows * steps);
  const part = new (data.constructor as new (n: number) => FieldData)(rows * size);
  for (let row = 0; row < rows; row++) {
    const from = (row * steps + at) * size;
    part.set(data.subarray(from, from + size), row * size);
  }
  return part;
}
