/** A run as a synchronizer keeps it and tells of it: what is held to before anything is made of it. */
import type { CheckResult, KeptEpoch } from '../../spec/run-events.ts';
import type { Mark } from '../roles/audit-state.ts';
import {
  type Fault,
  type ManifestState,
  type StoredRun,
  type Undecided,
  upgraded,
} from '../roles/synchronizer-state.ts';
import { EnvironmentError } from '../support/errors.ts';
import { parsedJson } from '../support/parsed-json.ts';
import {
  count,
  dictionary,
  flag,
  follows,
  list,
  number,
  object,
  oneOf,
  optional,
  orNull,
  type Shape,
  shapeProblem,
  type TypeOf,
  text,
  time,
  withMore,
} from '../support/shape.ts';
import type { Deployment } from '../wire/deployment.ts';
import { deploymentSchema } from '../wire/message-schema.ts';
import { AUDITS, FIRST_WRONG } from './audit-shapes.ts';

/** Its form alone: `soundDeployment` looks at what it says. */
export const DEPLOYMENT: Shape<Deployment> = { schema: deploymentSchema };

const NUMBERS = dictionary(number);

const MANIFEST: Shape<ManifestState> = object({
  calls: count,
  parts: list(text),
  totals: NUMBERS,
  byShard: optional(list(object({ hash: text, totals: NUMBERS }))),
  milliseconds: number,
});

const ROW: Shape<KeptEpoch> = object({
  epoch: number,
  energy: orNull(number),
  energyByNode: dictionary(orNull(number)),
  accuracy: orNull(number),
  seconds: number,
  samplesPerSecond: orNull(number),
  validation: optional(orNull(number)),
  learnsNothing: optional(list(text)),
  leftOut: optional(count),
});

const CHECK: Shape<CheckResult> = object({ check: text, value: orNull(number), pass: flag });

const FAULT: Shape<Fault> = object({
  ...{ key: text, shard: count, code: text, reason: text, at: number, calls: count },
  beside: optional(list(text)),
});
const MARK: Shape<Mark> = object({
  ...{ key: text, trainer: text, what: oneOf('mismatch', 'undelivered', 'audit') },
  ...{ shard: count, term: count, from: count, to: count, call: count, at: number, undone: flag },
  first: optional(FIRST_WRONG),
});
const UNDECIDED: Shape<Undecided> = object({
  ...{ accuser: text, accused: text, at: number },
  shares: optional(list(number)),
});

export const CHECKED = oneOf('recomputed', 'by-others', 'unchecked');

/** Fields of `StoredRun` that an answer has, too. */
export const TOLD_RUN = {
  deployment: DEPLOYMENT,
  hash: text,
  phase: oneOf(
    ...(['waiting', 'preparing', 'running', 'halting', 'suspended', 'checking', 'stopped', 'done', 'failed'] as const),
  ),
  manifests: list(MANIFEST),
  rows: list(ROW),
  checks: list(CHECK),
  reason: text,
  term: count,
  created: number,
};

export const STORED_FIELDS = {
  ...TOLD_RUN,
  owners: list(text),
  instances: dictionary(text),
  manifestAt: optional(number),
  faults: list(FAULT),
  excluded: list(text),
  disputes: list(UNDECIDED),
  trained: list(list(text)),
  version: optional(text),
  checkingFrom: optional(count),
  differences: count,
  checked: optional(CHECKED),
  overtaken: optional(count),
  marks: optional(list(MARK)),
  audits: optional(AUDITS),
  since: optional(list(count)),
  empty: optional(list(count)),
  lost: optional(list(count)),
};

export const STORED_RUN: Shape<StoredRun> = object(STORED_FIELDS);

const LOG_ENTRY = withMore(object({ event: text, time }));

/** @param key of the record. @throws EnvironmentError `mesh/state-damaged` */
export function readStoredRun(key: string, value: string): StoredRun {
  const kept = parsedJson(value);
  const run = isObject(kept) ? upgraded(kept) : kept;
  if (follows(STORED_RUN, run)) return run;
  throw damaged(`the record ${key} is not that of a run: ${shapeProblem(STORED_RUN, run)}`);
}

/** An entry of a run's log as it was written. @throws EnvironmentError `mesh/state-damaged` */
export function readLogEntry(run: string, value: string): TypeOf<typeof LOG_ENTRY> {
  const entry = parsedJson(value);
  if (follows(LOG_ENTRY, entry)) return entry;
  throw damaged(`an entry of the log of ${run} is not one: ${shapeProblem(LOG_ENTRY, entry)}`);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function damaged(message: string): EnvironmentError {
  return new EnvironmentError(
    'mesh/state-damaged',
    message,
    'restore the folder of the synchronizer from a copy, or begin anew with another --state',
  );
}
