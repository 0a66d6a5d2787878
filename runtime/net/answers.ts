/** The answer to each question of the wire: one table that types both asking and answering. */
import {
  anything,
  count,
  dictionary,
  flag,
  list,
  number,
  object,
  oneOf,
  optional,
  orNull,
  type Shape,
  type TypeOf,
  text,
  time,
  withMore,
} from '../support/shape.ts';
import type { Question } from '../wire/messages.ts';
import type { Ticket } from '../wire/ticket.ts';
import { FIRST_WRONG } from './audit-shapes.ts';
import { ANY_COSTS } from './costs-shape.ts';
import type { Amount } from './garbage.ts';
import { KEY_FIELDS } from './key-shapes.ts';
import type { MeshStatus, RunStatus, ShardStatus } from './mesh-status.ts';
import { CHECKED, TOLD_RUN } from './run-shapes.ts';

export type Answers = { readonly [What in keyof typeof ANSWERS]: TypeOf<(typeof ANSWERS)[What]> };

export type KeysPage = Answers['keys'];

/** An answer, typed by its question. */
export function answerTo<W extends Question['what']>(_what: W, answer: Answers[W]): Answers[W] {
  return answer;
}

export type AnswerOf<Asked extends Pick<Question, 'what'>> = Answers[Asked['what']];

const SHARD: Shape<ShardStatus> = object({
  shard: number,
  state: text,
  trainer: orNull(text),
  batch: number,
  ticksPerSecond: number,
  busy: number,
  bytesSent: number,
  bytesReceived: number,
  borders: number,
  direct: number,
  reason: text,
  limit: text,
});

const RUN: Shape<RunStatus> = object({
  run: text,
  model: text,
  task: text,
  state: text,
  reason: text,
  checked: optional(orNull(CHECKED)),
  epoch: number,
  epochs: number,
  schedule: text,
  microbatches: number,
  ahead: number,
  ownersEpoch: number,
  energy: orNull(number),
  accuracy: orNull(number),
  samplesPerSecond: orNull(number),
  snapshotAge: orNull(number),
  snapshot: orNull(number),
  age: optional(number),
  batches: optional(number),
  limit: optional(text),
  limitedBy: optional(list(number)),
  version: optional(orNull(text)),
  share: optional(number),
  fairShare: optional(number),
  trainers: optional(list(text)),
  mismatches: optional(
    list(
      object({
        ...{ trainer: text, shard: count, call: count, term: count, from: count, to: count },
        first: optional(FIRST_WRONG),
      }),
    ),
  ),
  start: optional(orNull(object({ seconds: number, at: oneOf('snapshot', 'end'), of: text }))),
  shards: list(SHARD),
});

export const CAPABILITY = object({
  cores: number,
  memory: number,
  rate: number,
  upload: number,
  download: number,
  machine: text,
  place: optional(text),
  costs: optional(ANY_COSTS),
  roundTrip: optional(number),
});

const STATUS: Shape<MeshStatus> = object({
  runs: list(RUN),
  trainers: list(
    object({
      ...{ name: text, key: text, state: text, pid: orNull(number), refused: number, capability: CAPABILITY },
      ...{ version: optional(orNull(text)), heard: optional(number), used: optional(number) },
      work: optional(list(object({ run: text, shards: list(count) }))),
      link: optional(object({ upload: number, download: number, roundTrip: number, age: number })),
      borders: optional(list(object({ key: text, name: text, rate: number, roundTrip: number, age: number }))),
      audited: optional(object({ rate: number, suspicion: number, why: text })),
    }),
  ),
  lost: optional(list(object({ name: text, key: text, ago: number, why: text }))),
  damaged: optional(list(text)),
  refused: dictionary(number),
  refusedAge: optional(dictionary(number)),
  relayedBytes: number,
  synchronizers: optional(
    list(object({ address: text, pid: number, presides: flag, answers: flag, runs: list(text) })),
  ),
  synchronizer: optional(object({ pid: number, version: optional(text), wire: optional(text) })),
  more: number,
  next: optional(count),
});

const KEYS = object({
  keys: list(object({ key: text, ...KEY_FIELDS, trainer: optional(text) })),
  invites: list(object({ id: text, uses: count, until: time, by: text })),
  more: flag,
});

const TICKET: Shape<Ticket> = object({
  ...{ run: text, shard: count, term: count, from: count, bearer: text, expires: number, sig: text },
});

const AMOUNT: Shape<Amount> = object({ blobs: count, bytes: count });
/** It is done. */
const DONE = object({});

export const ANSWERS = {
  status: STATUS,
  deploy: object({ run: text }),
  stop: DONE,
  run: object({ ...TOLD_RUN, checked: optional(orNull(CHECKED)) }),
  /** Of each record, what stands beside its event; `askLog` reads the rest. */
  logs: object({ records: list(withMore(object({ sequence: count, time, event: text }))) }),
  events: object({ records: list(object({ sequence: count, value: text })) }),
  /** As the stream has them, with their chain. */
  ledger: object({ records: list(object({ sequence: count, value: text, previous: text, hash: text })) }),
  fund: DONE,
  order: DONE,
  fork: DONE,
  keys: KEYS,
  allow: DONE,
  revoke: object({ invites: list(object({ id: text, unused: count })) }),
  expire: object({ expires: time }),
  invite: object({ until: time }),
  drain: DONE,
  shutdown: DONE,
  gc: object({ removed: AMOUNT, waiting: AMOUNT, kept: AMOUNT }),
  alive: DONE,
  probe: object({ bytes: count, again: number }),
  missing: object({ missing: list(text) }),
  get: object({ bytes: count }),
  put: object({ stored: anything }),
  ticket: object({ ticket: TICKET }),
  record: object({ blob: text, bytes: count }),
} satisfies Readonly<Record<Question['what'], Shape<unknown>>>;
