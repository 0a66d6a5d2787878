/**
 * The shape of a value from outside: a JSON schema together with the type that it implies, so that a checked value
 * needs no cast. Fields that a shape does not name are ignored.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

export interface Shape<out T> {
  /** Made when it is first needed: most commands read nothing from outside. */
  readonly schema: () => object;
  /** Only a type: no value has it. */
  readonly kind?: T;
}

export interface OptionalShape<out T> extends Shape<T> {
  readonly optional: true;
}

export type TypeOf<S> = S extends Shape<infer T> ? T : never;

type Fields = Readonly<Record<string, Shape<unknown>>>;
type OptionalKeys<F> = { [K in keyof F]: F[K] extends OptionalShape<unknown> ? K : never }[keyof F];
type ObjectOf<F> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: TypeOf<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: TypeOf<F[K]>;
};

export const text: Shape<string> = { schema: () => ({ type: 'string' }) };
export const number: Shape<number> = { schema: () => ({ type: 'number' }) };
export const flag: Shape<boolean> = { schema: () => ({ type: 'boolean' }) };
export const anything: Shape<unknown> = { schema: () => ({}) };
/** A whole number, exact as JSON's readers have it. */
export const count: Shape<number> = {
  schema: () => ({ type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
};
/** Milliseconds since 1970, as far as dates go. */
export const time: Shape<number> = { schema: () => ({ type: 'number', minimum: -8.64e15, maximum: 8.64e15 }) };

/** JSON has no numbers that are not finite: there they are null. */
export function orNull<T>({ schema }: Shape<T>): Shape<T | null> {
  return { schema: () => ({ anyOf: [schema(), { type: 'null' }] }) };
}

export function optional<T>({ schema }: Shape<T>): OptionalShape<T> {
  return { schema, optional: true };
}

export function list<T>({ schema }: Shape<T>): Shape<readonly T[]> {
  return { schema: () => ({ type: 'array', items: schema() }) };
}

/** An object of any keys. */
export function dictionary<T>({ schema }: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return { schema: () => ({ type: 'object', additionalProperties: schema() }) };
}

export function oneOf<const T extends readonly string[]>(...values: T): Shape<T[number]> {
  return { schema: () => ({ enum: values }) };
}

export function object<const F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  return { schema: () => objectSchema(fields) };
}

/** An object whose other fields are used, too. */
export function withMore<T>({ schema }: Shape<T>): Shape<T & Readonly<Record<string, unknown>>> {
  return { schema };
}

function objectSchema(fields: Fields): object {
  const entries = Object.entries(fields);
  return {
    type: 'object',
    required: entries.filter(([, shape]) => !('optional' in shape)).map(([name]) => name),
    properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema()])),
  };
}

/** Objects whose field `key` says which of the fields they have. */
export function variants<const K extends string, const V extends Readonly<Record<string, Fields>>>(
  key: K,
  fields: V,
): Shape<{ [N in keyof V]: { readonly [P in K]: N } & ObjectOf<V[N]> }[keyof V]> {
  const branch = ([name, others]: [string, Fields]): object => objectSchema({ [key]: oneOf(name), ...others });
  const schema = (): object => ({
    type: 'object',
    required: [key],
    discriminator: { propertyName: key },
    oneOf: Object.entries(fields).map(branch),
  });
  return { schema };
}

let ajv: Ajv2020 | undefined;
const validators = new WeakMap<object, ValidateFunction>();

/** Whether a value looks as the shape says. */
export function follows<T>(shape: Shape<T>, value: unknown): value is T {
  return validatorOf(shape)(value);
}

/** The first fault of a value, in words; nothing where it looks as the shape says. */
export function shapeProblem(shape: Shape<unknown>, value: unknown): string | undefined {
  const validate = validatorOf(shape);
  if (validate(value)) return undefined;
  const [first] = validate.errors ?? [];
  return `${first?.instancePath ?? ''} ${first?.message ?? 'is wrong'}`.trim();
}

function validatorOf({ schema }: Shape<unknown>): ValidateFunction {
  let validate = validators.get(schema);
  if (!validate) {
    ajv ??= new Ajv2020({ strict: false, discriminator: true });
    validate = ajv.compile(schema());
    validators.set(schema, validate);
  }
  return validate;
}
