/** A message against `spec/message.schema.json`, the first fault in words. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { readSpecJson } from '../support/spec-file.ts';

let validators: ReadonlyMap<string, ValidateFunction> | undefined;

/** @returns what is wrong, or nothing */
export function messageProblem(value: unknown): string | undefined {
  validators ??= compile();
  const type = (value as { type?: unknown } | null)?.type;
  const validate = typeof type === 'string' ? validators.get(type) : undefined;
  if (!validate) return 'no message of a known type';
  if (validate(value)) return undefined;
  const [first] = validate.errors ?? [];
  return first ? `${first.instancePath} ${first.message ?? 'is wrong'}`.trim() : 'it does not follow the schema';
}

let deploymentValidator: ValidateFunction | undefined;

/** Of a deployment by itself, as `deploy` brings it. @returns what is wrong, or nothing */
export function deploymentFormatProblem(value: unknown): string | undefined {
  deploymentValidator ??= new Ajv2020({ allErrors: false, strict: false }).compile(deploymentSchema());
  if (deploymentValidator(value)) return undefined;
  const [first] = deploymentValidator.errors ?? [];
  return `${first?.instancePath ?? ''} ${first?.message ?? 'it does not follow the schema'}`.trim();
}

/** Of a message of any type as a recording has it: without what its envelope says, and keys of a simulation are not keys. */
export function messageSchema(): object {
  const { $defs } = readSpecJson('message.schema.json') as { readonly $defs: Readonly<Record<string, Definition>> };
  return {
    type: 'object',
    required: ['type'],
    discriminator: { propertyName: 'type' },
    oneOf: Object.values($defs).map((definition) => ({
      ...withoutPatterns(definition),
      required: definition.required.filter((name) => name !== 'v' && name !== 'seq'),
    })),
  };
}

function withoutPatterns(schema: object): object {
  const text = JSON.stringify(schema, (name, value: unknown) =>
    name === 'pattern' && typeof value === 'string' ? undefined : value,
  );
  return JSON.parse(text) as object;
}

interface Definition {
  readonly required: readonly string[];
}

export function deploymentSchema(): object {
  const { $defs } = readSpecJson('message.schema.json') as {
    readonly $defs: { readonly ask: { readonly properties: { readonly ask: { readonly oneOf: readonly Asked[] } } } };
  };
  const found = $defs.ask.properties.ask.oneOf.find((asked) => asked.properties.deployment)?.properties.deployment;
  if (!found) throw new Error('the schema of messages has no deployment');
  return found;
}

interface Asked {
  readonly properties: { readonly deployment?: object };
}

function compile(): ReadonlyMap<string, ValidateFunction> {
  const schema = readSpecJson('message.schema.json') as { readonly $defs: Readonly<Record<string, object>> };
  const ajv = new Ajv2020({ allErrors: false, strict: false });
  return new Map(Object.entries(schema.$defs).map(([type, definition]) => [type, ajv.compile(definition)]));
}
