/**
 * Which stretches are audited, and what becomes of it (spec/wire.md, 7). Behind each stretch its trainers seal it; when all
 * have, or time is up, it is drawn. What comes out otherwise is done once more before it counts. What cannot be
 * compared, and the record of a trainer that is away, cost no trainer anything but its pay.
 */
import { isDrawn, pledgeOf, seedOf } from '../audit/draw.ts';
import { heldHash } from '../audit/seal.ts';
import { lastChange } from '../training/calls.ts';
import { stretchEnd } from '../training/stretches.ts';
import type { Pledge, Seal, Sealed } from '../wire/messages.ts';
import { type Audit, type AuditTerm, NO_AUDITS, type RunAudits, type WaitingDraw } from './audit-state.ts';
import {
  ask,
  changed,
  DRAW_PATIENCE_MS,
  hasNoMoreSeals,
  neverSealed,
  openTerm,
  setAudits,
  withoutUnsealed,
  withPledge,
} from './audit-terms.ts';
import { auditorFor, withPair } from './auditors.ts';
import { haltTarget } from './ending.ts';
import { NO_MEMORY, unproven } from './faults.ts';
import { commit } from './parts.ts';
import type { Refusal, RunState, SynchronizerEvent } from './synchronizer-state.ts';
import { closed, endAudits } from './verdicts.ts';
import { boundsFollow, rateFor, watchDraw, watchStretch } from './watching.ts';
import { isActive, isOver, runs, type Work } from './work.ts';

/** Between two questions for the record of a trainer that is away, and until it is asked no more. */
export const ASK_AGAIN_MS = 30_000;
export const AWAY_MS = 1_800_000;
/** A change of what waits and is open is stored so much later, with those that have come since. */
const STORE_MS = 10_000;
/** Stretches that wait for a draw, and audits without a verdict: beyond them the oldest waits are given up. */
const MAX_DRAWS = 256;
const MAX_OPEN = 256;

/** A shard binds itself to its number for its next stretch: the first word of it in a term. */
export function pledged(work: Work, run: RunState, { term, shard = 0, from, pledge }: Pledge): Refusal | undefined {
  if (run.checkingFrom !== undefined) return 'not-asked';
  const opened = openTerm(work, run, term);
  const known = opened.terms[term];
  if (known)
    setAudits(work, run, { ...opened, terms: { ...opened.terms, [term]: withPledge(known, shard, from, pledge) } });
  return undefined;
}

/** The synchronizer has its secret for the term: its trainers are told to what it is bound. */
export function secretDrawn(work: Work, event: SynchronizerEvent & { kind: 'pledged' }): Refusal | undefined {
  const { run: id, term, secret } = event;
  const run = work.state.runs[id];
  const known = run?.audits?.terms[term];
  if (!run || run.foreign || !run.audits || !known || known.secret !== undefined) return 'not-asked';
  setAudits(work, run, { ...run.audits, terms: { ...run.audits.terms, [term]: { ...known, secret } } });
  const pledge = pledgeOf(secret);
  for (const key of new Set(known.owners))
    if (work.state.members[key]?.audits) work.send(key, { type: 'pledge', run: id, term, from: known.calls, pledge });
  work.log(id, { event: 'pledge', epoch: term, pledge });
  return undefined;
}

/** @param from its key. @returns why one of them has no effect, the last one */
export function sealed(work: Work, received: Sealed, from: string): Refusal | undefined {
  let refused: Refusal | undefined;
  for (const seal of received.seals) {
    refused = oneSealed(work, received, seal, from) ?? refused;
    if (refused === 'a-lie') return refused;
  }
  return refused;
}

type SealedAt = Pick<Sealed, 'run' | 'term' | 'shard'>;

function oneSealed(work: Work, { run: id, term, shard }: SealedAt, seal: Seal, from: string): Refusal | undefined {
  const run = work.state.runs[id];
  if (!run || run.foreign) return 'unknown-run';
  const { calls, state } = seal;
  const current = isActive(run) && run.term === term;
  const owners = run.audits?.terms[term]?.owners ?? (current ? run.owners : undefined);
  if (!owners || run.checkingFrom !== undefined) return 'another-term';
  if (owners[shard] !== from) return 'not-the-owner';
  const { deployment } = run;
  const ends = calls === stretchEnd(deployment, seal.from) || isStop(run, term, calls);
  if (calls <= seal.from || !ends || state.calls !== lastChange(deployment, calls)) return 'not-a-cut';
  if (current && commit(work, run, { type: 'commit', run: id, term, shard, states: [state] }, from) === 'a-lie')
    return 'a-lie';
  return withSeal(work, work.state.runs[id] ?? run, { ...seal, term, shard }, from);
}

/** All shards have stopped there, within a stretch. */
function isStop(run: RunState, term: number, calls: number): boolean {
  return run.term === term && haltTarget(run) === calls;
}

type SealOf = Seal & { readonly term: number; readonly shard: number };

function withSeal(work: Work, run: RunState, received: SealOf, key: string): Refusal | undefined {
  const { term, shard, from, calls, state, windows, nonce, next } = received;
  const audits = openTerm(work, run, term);
  const known = audits.terms[term];
  if (!known || known.revealed) return 'another-term';
  const before = audits.draws.find((d) => d.term === term && d.from === from);
  const wasDrawn = audits.draws.every((d) => d !== before) && isBehind(audits, term, from);
  if (before?.shards[shard] || wasDrawn) return 'known-already';
  const promised = known.pledges[shard];
  const bounds = received.held && { held: { begins: known.calls, calls, borders: received.held } };
  const follows = boundsFollow(run, { term, shard, from, ...bounds });
  const broken = !follows || (promised?.from === from && promised.pledge !== pledgeOf(nonce));
  // No record is that of a seal which contradicts the seals before it.
  const held = received.held && { held: follows ? heldHash(received.held) : '' };
  const seal = { key, calls, hash: state.hash, windows, nonce, ...(broken ? { broken } : {}), ...held };
  const draw: WaitingDraw = {
    ...{ term, from, since: before?.since ?? work.now },
    shards: { ...before?.shards, [shard]: seal },
  };
  const saved = setAudits(work, run, {
    ...audits,
    over: false,
    terms: { ...audits.terms, [term]: withPledge(withoutUnsealed(known, shard, state.calls), shard, calls, next) },
    draws: [...audits.draws.filter((d) => d !== before), draw].slice(-MAX_DRAWS),
  });
  watchStretch(work, saved, { term, shard, from, state, seen: received.seen ?? [], ...bounds }, known.owners);
  drawWhereReady(work, work.state.runs[run.deployment.run] ?? saved);
  return undefined;
}

/** Whether the stretch was drawn without this seal: what comes later changes nothing. */
function isBehind({ open }: RunAudits, term: number, from: number): boolean {
  return open.some((audit) => audit.term === term && audit.from === from);
}

/** From time to time: what waits too long goes on without what it waits for. */
export function watchAudits(work: Work): void {
  for (const run of runs(work)) {
    if (run.foreign) continue;
    if (isOver(run) && run.audits?.ended === undefined) {
      setAudits(work, run, { ...(run.audits ?? NO_AUDITS), ended: work.now });
      continue;
    }
    if (!run.audits) continue;
    drawWhereReady(work, run);
    reveal(work, work.state.runs[run.deployment.run] ?? run);
    askAgain(work, work.state.runs[run.deployment.run] ?? run);
    endAudits(work, work.state.runs[run.deployment.run] ?? run);
    keep(work, work.state.runs[run.deployment.run] ?? run);
  }
}

/** Not each seal by itself: a run is stored as a whole. */
function keep(work: Work, run: RunState): void {
  const { changed: since, ...audits } = run.audits ?? NO_AUDITS;
  if (since !== undefined && work.now - since >= STORE_MS) work.saveRun({ ...run, audits });
}

/** The secret of a term of which nothing is drawn any more: all see that each draw came out as it had to. */
function reveal(work: Work, run: RunState): void {
  for (const [number, term] of Object.entries(run.audits?.terms ?? {})) {
    const { secret, over, revealed } = term;
    const isPast = Number(number) < run.term || isOver(run);
    const waits = run.audits?.draws.some((draw) => draw.term === Number(number));
    if (secret === undefined || revealed || !isPast || waits) continue;
    if (over !== undefined && work.now - over < DRAW_PATIENCE_MS) continue;
    const audits = work.state.runs[run.deployment.run]?.audits ?? NO_AUDITS;
    const { unsealed: _, ...rest } = term;
    const next = over === undefined ? { ...term, over: work.now } : { ...rest, revealed: true };
    setAudits(work, run, { ...audits, terms: { ...audits.terms, [number]: next } });
    if (!next.revealed) continue;
    neverSealed(work, run, Number(number), term);
    work.log(run.deployment.run, { event: 'reveal', epoch: Number(number), secret });
  }
}

function drawWhereReady(work: Work, run: RunState): void {
  for (const draw of run.audits?.draws ?? []) {
    const now = work.state.runs[run.deployment.run] ?? run;
    const term = now.audits?.terms[draw.term];
    const all = term?.owners.every((key, shard) => draw.shards[shard] || !maySeal(work, key));
    const late = work.now - draw.since >= DRAW_PATIENCE_MS || hasNoMoreSeals(work, now);
    if (term?.secret !== undefined && (all || late)) drawn(work, now, draw, term);
  }
}

/** Behind a restart it is not known of an owner that has not come back. */
function maySeal({ state }: Work, key: string): boolean {
  const member = state.members[key];
  return member !== undefined && (member.audits === true || member.name === '');
}

/** Of each trainer for itself: all its shards, or none. */
function drawn(work: Work, run: RunState, draw: WaitingDraw, { owners, secret = '' }: AuditTerm): void {
  const { run: id } = run.deployment;
  const { term, from } = draw;
  const sealedShards = Object.entries(draw.shards).map(([shard, seal]) => ({ shard: Number(shard), ...seal }));
  const seed = seedOf({ run: id, term, from }, secret, sealedShards);
  const audits: Audit[] = [];
  const rates: Record<string, number> = {};
  for (const trainer of new Set(sealedShards.map(({ key }) => key))) {
    const own = sealedShards.filter(({ key }) => key === trainer);
    // Without the record of one of them the others cannot be done again.
    if (own.length < owners.filter((key) => key === trainer).length) continue;
    const broken = own.some((seal) => seal.broken);
    const rate = rateFor(work.state, trainer, { run: id, from });
    rates[trainer] = rate;
    const to = own[0]?.calls ?? from;
    const isAudited = broken || isDrawn(seed, trainer, rate);
    watchDraw(work, run, { trainer, from, to }, isAudited);
    if (!isAudited) continue;
    const shards = own.map(({ shard, hash, windows, held }) => ({
      shard,
      hash,
      windows,
      ...(held === undefined ? {} : { held }),
    }));
    const times = { since: work.now, asked: work.now, away: false, second: false };
    const auditor = auditorFor(work, run, { seed, trainer, shards }, { owners }, audits);
    const by = auditor === undefined ? {} : { auditor };
    audits.push({ term, from, to, trainer, shards, ...times, seed, ...by });
  }
  const before = audits.reduce(withPair, run.audits ?? NO_AUDITS);
  const saved = setAudits(work, run, {
    ...before,
    draws: before.draws.filter((d) => d.term !== term || d.from !== from),
    open: [...before.open, ...audits].slice(-MAX_OPEN),
  });
  // By them, and the secret of the term, it can be seen that it was drawn as it had to be.
  const rate = work.state.limits.auditRate;
  if (audits.length > 0)
    work.effects.push({
      kind: 'keep',
      stream: `commit/${id}`,
      value: { drawn: { term, from, rate, rates, shards: draw.shards } },
    });
  for (const audit of audits) ask(work, saved, audit);
}

function askAgain(work: Work, run: RunState): void {
  for (const audit of run.audits?.open ?? []) {
    if (!audit.away) continue;
    // It does not come back, and the pay of all others waits for the end of audits.
    if (run.excluded.includes(audit.trainer)) {
      closed(work, run, audit, 'undelivered', { why: 'its trainer is excluded' });
      return;
    }
    if (work.now - audit.asked < ASK_AGAIN_MS) continue;
    if (work.now - audit.since >= AWAY_MS) {
      closed(work, run, audit, 'undelivered', { why: audit.later ? NO_MEMORY : 'its trainer did not come back' });
      if (audit.later) unproven(work, work.state.runs[run.deployment.run], audit.trainer);
      return;
    }
    const asked = { ...audit, asked: work.now, away: false };
    ask(work, changed(work, run, audit, asked), asked);
  }
}
