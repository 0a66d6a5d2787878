/** A plan against `spec/plan.schema.json`, the first fault in words. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { readSpecJson } from '../support/spec-file.ts';

let validate: ValidateFunction | undefined;

/** @returns what is wrong, or nothing */
export function planProblem(value: unknown): string | undefined {
  validate ??= new Ajv2020({ allErrors: false, strict: false }).compile(readSpecJson('plan.schema.json'));
  if (validate(value)) return undefined;
  const [first] = validate.errors ?? [];
  return first
    ? `${first.instancePath === '' ? 'the plan' : first.instancePath} ${first.message ?? 'is wrong'}`
    : 'it does not follow the schema';
}
