/**
 * Tasks on sequences (semantics.md, equation 17). In a task with `sequence = S` a field whose first axis has S elements
 * is a sequence: its expressions see the element of the step. A sense with a rate has fewer, and keeps each for the
 * steps up to its next.
 */
import { parseFieldLeaf } from '../../spec/names.ts';
import type { Expr } from '../operators/expr.ts';
import type { ClampInstance, DataField, ModelInstance } from './checked.ts';
import type { Environment } from './environment.ts';
import { MAX_STEPS } from './group-rows.ts';
import { type Given, wholeNumber } from './settings.ts';

export const stepCount = wholeNumber(1, MAX_STEPS);

/** Elements that a sequence of `steps` may have: one a step, or as many as a sense of some rate takes. */
function lengths(steps: number, { nodes, baseRate }: ModelInstance): Set<number> {
  const found = new Set([steps]);
  for (const { rate } of nodes)
    if (rate !== undefined && baseRate !== undefined) found.add(samplesOf(steps, rate, baseRate));
  return found;
}

/** Samples that a sense takes in so many steps; not a whole number where the steps are not a multiple of its own. */
function samplesOf(steps: number, rate: number, baseRate: number): number {
  return (steps * Math.round(rate * 1000)) / Math.round(baseRate * 1000);
}

/** The fields as the expressions of a task see them: of one step, with the number of elements of the whole. */
export function fieldsOfStep(
  fields: readonly DataField[],
  sequence: number | undefined,
  model: ModelInstance,
): DataField[] {
  if (sequence === undefined) return [...fields];
  const known = lengths(sequence, model);
  return fields.map((field) => {
    const [first, ...rest] = field.shape;
    return first !== undefined && known.has(first) ? { ...field, shape: rest, steps: first } : field;
  });
}

/** Senses with rates get as many samples as their rate gives in that time. */
export function checkRates(
  clamps: readonly ClampInstance[],
  fields: readonly DataField[],
  sequence: Given<number> | undefined,
  model: ModelInstance,
  environment: Environment,
): void {
  const { baseRate } = model;
  if (sequence === undefined || baseRate === undefined) return;
  const { reporter } = environment.session;
  const time = `${sequence.value} steps at ${baseRate} Hz`;
  for (const node of model.nodes) {
    if (node.rate === undefined) continue;
    const labels = [{ span: node.span, text: `${node.rate} Hz here` }];
    const wanted = samplesOf(sequence.value, node.rate, baseRate);
    const one = baseRate / node.rate;
    if (!Number.isInteger(wanted)) {
      reporter.report(
        'rate/samples',
        sequence.span,
        `in ${time} \`${node.name}\` takes ${Number(wanted.toFixed(2))} samples`,
        {
          repair: `a multiple of ${one}, such as \`sequence = ${Math.ceil(sequence.value / one) * one}\``,
          labels,
        },
      );
      return;
    }
    const clamp = clamps.find((c) => c.node === node.name);
    const wrong = clamp && fieldsIn(clamp.value, fields).find((f) => f.steps !== undefined && f.steps !== wanted);
    if (clamp && wrong)
      reporter.report(
        'rate/samples',
        clamp.span,
        `in ${time} \`${node.name}\` takes ${wanted} samples, and \`${wrong.name}\` has ${wrong.steps}`,
        { repair: `give \`${wrong.name}\` ${wanted} elements along its first axis`, labels },
      );
  }
}

function fieldsIn(expr: Expr, fields: readonly DataField[]): DataField[] {
  if (expr.kind === 'apply') return expr.args.flatMap((a) => fieldsIn(a, fields));
  const name = expr.kind === 'leaf' ? parseFieldLeaf(expr.name)?.field : undefined;
  return fields.filter((f) => f.name === name);
}

/** A field of a step in the shape in which the data hold it. */
export function wholeShape(field: DataField): readonly number[] {
  return field.steps === undefined ? field.shape : [field.steps, ...field.shape];
}
