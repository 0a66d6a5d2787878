/** A plan against `spec/plan.schema.json`, the first fault in words. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import schema from '../../spec/plan.schema.json' with { type: 'json' };
import type { Plan } from '../../spec/plan.ts';

let validate: ValidateFunction<Plan> | undefined;

/** @returns the plan, or what is wrong with it */
export function planOf(value: unknown): Plan | string {
  validate ??= new Ajv2020({ allErrors: false, strict: false }).compile<Plan>(schema);
  if (validate(value)) return value;
  const [first] = validate.errors ?? [];
  return first
    ? `${first.instancePath === '' ? 'the plan' : first.instancePath} ${first.message ?? 'is wrong'}`
    : 'it does not follow the schema';
}
