/** Events that have entered a synchronizer, as its recording keeps them: they are verified before they are replayed. */
import type { ProbedBorder } from '../roles/measured-link.ts';
import type { RecordedEvent, RecordedPiece } from '../roles/recording.ts';
import type {
  MemberState,
  PendingPart,
  Progress,
  RunState,
  SynchronizerEvent,
  SynchronizerState,
} from '../roles/synchronizer-state.ts';
import {
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
  text,
  variants,
} from '../support/shape.ts';
import type { MovedSince, RunWatch } from '../validation/standing.ts';
import { messageSchema } from '../wire/message-schema.ts';
import type { Exchange, Message, ShardReport } from '../wire/messages.ts';
import { LINES } from './allotments-entry.ts';
import { CAPABILITY } from './answers.ts';
import { FIRST_WRONG } from './audit-shapes.ts';
import { DEPLOYMENT, STORED_FIELDS, STORED_RUN } from './run-shapes.ts';

const MESSAGE: Shape<Message> = { schema: messageSchema };

const LINK = { upload: number, download: number, roundTrip: number };

const FIGURES = { sent: number, received: number, roundTrip: number };

const BORDER: Shape<ProbedBorder> = object({
  ...{ asked: number, count, isTold: flag },
  ...{ last: optional(object(FIGURES)), before: optional(object(FIGURES)), at: optional(number) },
});

const MEMBER: Shape<MemberState> = object({
  key: text,
  name: text,
  instance: text,
  pid: optional(number),
  version: optional(text),
  capability: CAPABILITY,
  records: optional(flag),
  again: optional(flag),
  audits: optional(flag),
  auditor: optional(text),
  vouched: optional(flag),
  measured: optional(object({ ...LINK, at: number })),
  listen: optional(text),
  borders: optional(dictionary(BORDER)),
  connected: flag,
  seen: number,
  gap: number,
  pulses: number,
  draining: flag,
  refused: number,
});

const EXCHANGE: Shape<Exchange> = object({
  shard: count,
  key: text,
  number: count,
  exchange: text,
  sig: text,
  listen: optional(object({ address: text, machine: text, sig: text })),
});

const PART: Shape<PendingPart> = object({
  blob: text,
  hash: text,
  totals: dictionary(number),
  signature: text,
  verified: flag,
  term: optional(count),
  key: optional(text),
});

const AT = object({ calls: number, at: number });

const PROGRESS: Shape<Progress> = object({
  since: number,
  shards: dictionary(AT),
  slowest: AT,
  measured: dictionary(object({ calls: number, milliseconds: number })),
});

const REPORT: Shape<ShardReport> = object({
  run: text,
  term: count,
  shard: count,
  state: oneOf('loading', 'ready', 'running', 'waiting', 'finished', 'failed'),
  calls: count,
  ticksPerSecond: number,
  busy: number,
  bytesSent: number,
  bytesReceived: number,
  reason: text,
  borders: optional(number),
  direct: optional(number),
  limit: optional(text),
  waits: optional(list(number)),
});

const FIGURES_SEEN = object({
  rms: number,
  largest: number,
  zeros: number,
  repeated: number,
  copied: number,
  along: number,
});

const SIZE = object({ largest: number, rms: number });

const WATCH: Shape<RunWatch> = object({
  borders: dictionary(object({ past: list(FIGURES_SEEN), sketch: list(number) })),
  weights: dictionary(list(object({ moved: number, size: number }))),
  energies: dictionary(list(number)),
  states: dictionary(object({ past: list(object({ calls: count, hash: text })), again: count })),
  keys: dictionary(
    object({
      ...{ looked: count, suspicion: number, why: text, term: number, from: number },
      ...{ bare: optional(count), behind: optional(count) },
    }),
  ),
  learnt: optional(
    dictionary(
      object({
        ...{ term: count, calls: number, whole: flag },
        messages: dictionary(object({ stretches: count, size: SIZE, newest: SIZE })),
      }),
    ),
  ),
});

const RUN: Shape<RunState> = object({
  ...STORED_FIELDS,
  exchanges: dictionary(EXCHANGE),
  parts: dictionary(dictionary(PART)),
  verifying: number,
  commits: dictionary(object({ calls: number, hash: text })),
  progress: PROGRESS,
  reports: dictionary(REPORT),
  pausing: dictionary(number),
  haltInto: oneOf('stopped', 'suspended'),
  haltSince: number,
  clock: number,
  emptySince: optional(number),
  foreign: optional(flag),
  watch: optional(WATCH),
});

const STATE: Shape<SynchronizerState> = object({
  now: number,
  tickAt: number,
  members: dictionary(MEMBER),
  runs: dictionary(RUN),
  closing: flag,
  allotted: optional(object({ version: count, lines: LINES })),
  presides: optional(flag),
  limits: object({
    call: number,
    firstEvaluation: number,
    slow: number,
    loading: number,
    bytesPerSecond: number,
    keyFaults: number,
    shardFaults: number,
    shardKeys: number,
    forget: number,
    barred: number,
    empty: number,
    parts: number,
    differences: number,
    auditRate: number,
    newKeyRate: optional(number),
    givenAudits: optional(number),
  }),
});

const OF_RUN = { run: text, calls: count };

const SIGNS = {
  message: {
    from: text,
    message: MESSAGE,
    proof: optional(oneOf('proved', 'false', 'undecided')),
    evidence: optional(text),
    taken: optional(flag),
  },
  alive: { key: text, instance: text },
};

const MOVED: Shape<MovedSince> = object({
  since: count,
  tensors: list(object({ tensor: text, elements: count, moved: number, size: number })),
});

const EVENT: Shape<SynchronizerEvent> = variants('kind', {
  tick: { full: optional(flag) },
  ...SIGNS,
  signs: { signs: list(variants('kind', SIGNS)) },
  disconnected: { key: text },
  measured: { key: text, link: object(LINK) },
  deploy: { deployment: DEPLOYMENT, hash: text },
  stop: { run: text },
  verified: { ...OF_RUN, term: count, shard: count, problem: optional(text), moved: optional(MOVED) },
  checked: { ...OF_RUN, values: optional(list(orNull(number))), problem: optional(text) },
  pledged: { run: text, term: count, secret: text },
  audited: {
    ...{ run: text, term: count, from: count, trainer: text, auditor: optional(text), exact: optional(flag) },
    verdict: oneOf('match', 'mismatch', 'inconclusive', 'undelivered', 'away'),
    ...{ shard: optional(count), call: optional(count), what: optional(text), why: optional(text) },
    first: optional(FIRST_WRONG),
  },
  drain: { name: text },
  expelled: { key: text, reason: text },
  'manifest-damaged': OF_RUN,
  close: {},
  leads: { run: STORED_RUN },
  follows: { run: STORED_RUN },
  allotted: { version: count, lines: LINES },
  outbid: { term: count, before: STORED_RUN },
  absent: { run: text },
  overtaken: { run: text },
  presides: { presides: flag },
  governed: { auditRate: number },
});

const RECORDED: Shape<RecordedEvent> = {
  schema: () => ({
    type: 'array',
    minItems: 2,
    maxItems: 3,
    prefixItems: [{ type: 'number' }, EVENT.schema(), { type: 'string' }],
  }),
};

export const RECORDED_PIECE: Shape<RecordedPiece> = object({
  base: optional(STATE),
  events: list(RECORDED),
  state: text,
});
