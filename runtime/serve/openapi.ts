/** The schemas from which the server's OpenAPI description is made: they follow the plan's predict blocks. */
import type { PlanField, PlanPrediction } from '../../spec/plan.ts';
import { wholeFields } from '../training/steps.ts';
import { VOUCHER_HEADER } from './paid.ts';

/** @param isPaid whether a voucher has to come with it */
export function taskSchema(prediction: PlanPrediction, isPaid = false): object {
  const sample = {
    type: 'object',
    required: prediction.inputs.map((f) => f.name),
    properties: Object.fromEntries(wholeFields(prediction.inputs).map((f) => [f.name, fieldSchema(f)])),
  };
  const { sequence } = prediction;
  const steps = sequence === undefined ? [] : [sequence];
  const row = {
    type: 'object',
    properties: Object.fromEntries(
      prediction.reads.flatMap((read) => [
        [read.name, nestedSchema([...steps, ...read.shape])],
        ...(read.scores
          ? [[`${read.name}_scores`, nestedSchema([0])] as const, [`${read.name}_class`, CLASS_NAME] as const]
          : []),
      ]),
    ),
  };
  return {
    summary: `Predict with \`${prediction.task}\``,
    description: 'One sample gives one prediction, a list of samples a list of predictions.',
    body: { oneOf: [sample, { type: 'array', items: sample }] },
    ...(isPaid ? { headers: { type: 'object', properties: { [VOUCHER_HEADER]: VOUCHER } } } : {}),
    response: {
      200: { description: 'prediction', oneOf: [row, { type: 'array', items: row }] },
      ...(isPaid ? { 402: REFUSED } : {}),
    },
  };
}

const VOUCHER = { type: 'string', description: 'a voucher, as JSON: channel, server, tokens, expires, sig' };
const REFUSED = {
  description: 'not paid for: `error.payment` says the mesh, the server’s key, the price, and what is owed',
  type: 'object',
};
const CLASS_NAME = { description: 'the name of the class, where the training data had names' };

function fieldSchema({ type, shape }: PlanField): object {
  return { ...nestedSchema(shape), description: `${type}[${shape.join(', ')}]; flat lists are taken too` };
}

function nestedSchema(shape: readonly number[]): object {
  return shape.length === 0 ? { type: 'number' } : { type: 'array', items: {} };
}
