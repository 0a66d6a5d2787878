/** Audits of a run, as a synchronizer keeps them and as recordings have them. */
import type { FirstWrong } from '../../spec/run-events.ts';
import type { Audit, RunAudits, SealedShard } from '../roles/audit-state.ts';
import { count, dictionary, flag, list, number, object, oneOf, optional, type Shape, text } from '../support/shape.ts';

export const FIRST_WRONG: Shape<FirstWrong> = object({
  ...{ border: optional(count), tick: optional(count), value: optional(text), call: count, run: text, operation: text },
  ...{ op: text, of: optional(text), how: oneOf('zeros', 'left-out', 'unmoved', 'other') },
  right: optional(list(number)),
});

const SEAL: Shape<SealedShard> = object({
  ...{ key: text, calls: count, hash: text, windows: text, nonce: text },
  ...{ broken: optional(flag), held: optional(text) },
});

const AUDIT: Shape<Audit> = object({
  ...{ term: count, from: count, to: count, trainer: text },
  shards: list(object({ shard: count, hash: text, windows: text, held: optional(text) })),
  ...{ since: number, asked: number, away: flag, second: flag, seed: optional(text) },
  later: optional(flag),
  ...{ auditor: optional(text), said: optional(object({ key: text, same: flag })) },
});

export const AUDITS: Shape<RunAudits> = object({
  terms: dictionary(
    object({
      ...{ owners: list(text), calls: count, hashes: list(text), secret: optional(text) },
      ...{ over: optional(number), revealed: optional(flag) },
      pledges: dictionary(object({ from: count, pledge: text })),
      unsealed: optional(dictionary(list(object({ from: count, to: count })))),
      anew: optional(flag),
    }),
  ),
  draws: list(object({ term: count, from: count, since: number, shards: dictionary(SEAL) })),
  open: list(AUDIT),
  pairs: optional(dictionary(text)),
  left: optional(dictionary(object({ count: number, at: number }))),
  ended: optional(number),
  over: flag,
  changed: optional(number),
});
