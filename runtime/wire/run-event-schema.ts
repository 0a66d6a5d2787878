/** Records of a run's log against `spec/run-event.schema.json`. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { RunEvent } from '../../spec/run-events.ts';
import { readSpecJson } from '../support/spec-file.ts';

/** Verdict on an event: it follows the schema, only another version knows it, or it follows none. */
export type ReadEvent = { readonly event: RunEvent } | { readonly event: undefined } | { readonly problem: string };

let validators: ReadonlyMap<string, ValidateFunction> | undefined;

/** @returns the event without the fields that this version does not know; nothing for one that it does not know */
export function readRunEvent(record: Readonly<Record<string, unknown>>): ReadEvent {
  validators ??= compile();
  const validate = typeof record.event === 'string' ? validators.get(record.event) : undefined;
  if (!validate) return typeof record.event === 'string' ? { event: undefined } : { problem: 'it says no event' };
  // Fields that are not known are taken out of the copy.
  const event: unknown = structuredClone(record);
  if (follows(validate, event)) return { event };
  const [first] = validate.errors ?? [];
  return { problem: `${record.event}${first?.instancePath ?? ''} ${first?.message ?? 'is wrong'}` };
}

/** The schema is the union of `spec/run-events.ts`; test/mesh/run-events.test.ts holds one to the other. */
function follows(validate: ValidateFunction, value: unknown): value is RunEvent {
  return validate(value);
}

function compile(): ReadonlyMap<string, ValidateFunction> {
  const schema = readSpecJson('run-event.schema.json') as { readonly $defs: Readonly<Record<string, object>> };
  const ajv = new Ajv2020({ strict: false, removeAdditional: true });
  return new Map(Object.entries(schema.$defs).map(([event, definition]) => [event, ajv.compile(definition)]));
}
