/** A plan against `spec/plan.schema.json`, the first fault in words. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

let validate: ValidateFunction | undefined;

/** @returns what is wrong, or nothing */
export function planProblem(value: unknown): string | undefined {
  validate ??= new Ajv2020({ allErrors: false, strict: false }).compile(readSchema());
  if (validate(value)) return undefined;
  const [first] = validate.errors ?? [];
  return first
    ? `${first.instancePath === '' ? 'the plan' : first.instancePath} ${first.message ?? 'is wrong'}`
    : 'it does not follow the schema';
}

/** `spec/` lies beside the sources, and beside `dist/` once built. */
function readSchema(): object {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'spec', 'plan.schema.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error('spec/plan.schema.json is not with the package');
    folder = above;
  }
  return JSON.parse(readFileSync(join(folder, 'spec', 'plan.schema.json'), 'utf8')) as object;
}
