/** From signed states, as the mesh keeps them, to stretches that are pending. */

import { count, list, object, oneOf, optional, type TypeOf, text } from '../support/shape.ts';
import { type StretchedRun, stretchBegin } from '../training/stretches.ts';
import { STRETCH_VERDICTS } from '../wire/audit-verdict.ts';
import type { NewEntry } from './entry.ts';
import type { LedgerState } from './state.ts';

/** What a record of the stream `commit/RUN` has. */
export const KEPT_COMMIT = object({
  term: count,
  shard: count,
  key: text,
  /** Calls before the first stretch of the term; older versions have not kept it. */
  begin: optional(count),
  states: list(object({ calls: count, hash: text, sig: text })),
});
/** A verdict, kept in the same stream. */
export const KEPT_VERDICT = object({
  audited: object({
    ...{ run: text, shard: count, term: count, from: count, to: count },
    ...{ trainer: text, verdict: oneOf(...STRETCH_VERDICTS) },
  }),
});
export type KeptCommit = TypeOf<typeof KEPT_COMMIT>;

/** The next stretch of a record that the ledger does not have; those of older terms it has. Nothing: it has all of them. */
export function nextPending(
  state: LedgerState,
  run: string,
  lengths: StretchedRun,
  { term, shard, key, begin = 0, states }: KeptCommit,
  beyond = 0,
): (NewEntry & { readonly type: 'pending' }) | undefined {
  const known = state.runs.get(run)?.shards[shard];
  if (!known || term < known.term || state.accounts.get(key)?.excluded) return undefined;
  const last = term === known.term ? known.to : 0;
  const next = states.find(({ calls }) => calls > Math.max(last, beyond));
  if (!next) return undefined;
  const { calls: to, hash, sig } = next;
  const from = Math.max(last, stretchBegin(lengths, to - 1, begin));
  return { type: 'pending', run, shard, term, from, to, trainer: key, hash, sig };
}
