/** Control messages of every type: as their schemas have them, and then with something wrong. */
import canonicalize from 'canonicalize';
import { readSpecJson } from '../../../../runtime/support/spec-file.ts';
import type { Rng } from './rng.ts';

type Json = Record<string, unknown>;

const { $defs: SCHEMAS } = readSpecJson('message.schema.json') as { readonly $defs: Readonly<Record<string, Json>> };
export const MESSAGE_TYPES: readonly string[] = Object.keys(SCHEMAS);

const hexOf = (length: number) => (rng: Rng) => rng.bytes(length / 2).toString('hex');
const PATTERNS: Readonly<Record<string, (rng: Rng) => string>> = {
  '^[A-Za-z0-9_-]{43}$': (rng) => rng.bytes(32).toString('base64url'),
  '^3\\.[0-9]{1,6}$': () => '3.0',
  '^[0-9a-f]{128}$': hexOf(128),
  '^[0-9a-f]{64}$': hexOf(64),
  '^[0-9a-f]{16}$': hexOf(16),
  '^[0-9a-f]{1,64}$': hexOf(12),
};

/** One that follows its schema. */
export function soundMessage(rng: Rng, type = rng.of(MESSAGE_TYPES)): Json {
  return sampleOf(SCHEMAS[type] ?? {}, rng) as Json;
}

function sampleOf(schema: Json, rng: Rng): unknown {
  if ('const' in schema) return schema.const;
  const choices = (schema.enum ?? schema.oneOf ?? schema.anyOf) as readonly unknown[] | undefined;
  if (choices) return schema.enum ? rng.of(choices) : sampleOf(rng.of(choices) as Json, rng);
  const { type } = schema;
  switch (Array.isArray(type) ? rng.of(type as readonly string[]) : type) {
    case 'object': {
      const { properties = {}, required = [] } = schema as { properties?: Record<string, Json>; required?: string[] };
      const names = Object.keys(properties).filter((name) => required.includes(name) || rng.below(2) === 0);
      return Object.fromEntries(names.map((name) => [name, sampleOf(properties[name] ?? {}, rng)]));
    }
    case 'array':
      return Array.from({ length: rng.below(3) }, () => sampleOf((schema.items ?? {}) as Json, rng));
    case 'integer':
    case 'number':
      return rng.below(4);
    case 'boolean':
      return rng.below(2) === 0;
    case 'null':
      return null;
    default:
      return (PATTERNS[String(schema.pattern)] ?? (() => 'a1'))(rng);
  }
}

/** Marks around text that JSON.stringify cannot write and that is put in as it is. */
const RAW = /"@@(.*?)@@"/g;
const raw = (text: string): string => `@@${text}@@`;

/** Values that somebody forgot to think of. */
const WRONG: readonly ((rng: Rng) => unknown)[] = [
  () => raw('1e999'),
  () => raw('-1e999'),
  () => raw("'\\ud800'".replaceAll("'", '\u0001')),
  () => raw('9007199254740993'),
  () => raw('['.repeat(3000) + ']'.repeat(3000)),
  () => raw(`${'{\u0001a\u0001:'.repeat(500)}1${'}'.repeat(500)}`),
  () => raw('{\u0001__proto__\u0001:{\u0001role\u0001:\u0001operator\u0001}}'),
  () => raw('{\u0001constructor\u0001:{\u0001prototype\u0001:{}},\u0001toString\u0001:1,\u0001toJSON\u0001:2}'),
  () => raw('\u0001\\u0000\\u001b[2J\\u202e\\u009b\\u2028\u0001'),
  () => null,
  () => true,
  () => -1,
  () => 0.5,
  () => 2 ** 53,
  () => 1e308,
  () => '',
  () => 'constructor',
  () => '__proto__',
  () => '../../../../etc/passwd',
  (rng) => 'x'.repeat(rng.below(20_000)),
  () => [],
  () => ({}),
  () => Array.from({ length: 5000 }, () => 0),
  (rng) => rng.bytes(40).toString('latin1'),
];
const VERSIONS = ['1.0', '3.0', '2', '2.0.0', '', '\u001b[31m', 2, null, '2.999999', '2.9999999'];

/** The same with some of its fields dropped, doubled, of other types or sizes, or of another version. */
export function mutated(message: Json, rng: Rng): Json {
  const copy = structuredClone(message);
  for (let times = 1 + rng.below(3); times > 0; times--) {
    const [place, name] = placeIn(copy, rng);
    switch (rng.below(6)) {
      case 0:
        delete place[name];
        break;
      case 1:
        place[`${name}${rng.below(3)}`] = rng.of(WRONG)(rng);
        break;
      case 2:
        copy.v = rng.of(VERSIONS);
        break;
      case 3:
        copy.type = rng.of([...MESSAGE_TYPES, 'hello', 'proof', 'constructor', '__proto__']);
        break;
      default:
        place[name] = rng.of(WRONG)(rng);
    }
  }
  return copy;
}

function placeIn(value: Json, rng: Rng): [Json, string] {
  const name = rng.of([...Object.keys(value), 'more']);
  const inner = value[name];
  if (typeof inner !== 'object' || inner === null || rng.below(3) === 0) return [value, name];
  return placeIn(inner as Json, rng);
}

/** As text, and as what it says where that can be said at all. */
export function textOf(message: Json): string {
  return JSON.stringify(message).replace(RAW, (_all, text: string) =>
    JSON.parse(`"${text}"`).replaceAll('\u0001', '"'),
  );
}

export function canonicalText(text: string): string | undefined {
  try {
    return canonicalize(JSON.parse(text));
  } catch {
    return undefined;
  }
}
