/**
 * Which stretches are audited, and what becomes of it (spec/wire.md, 7). Behind each stretch its trainers seal it; when all
 * have, or time is up, it is drawn. What comes out otherwise is done once more before it counts. What cannot be
 * compared, and the record of a trainer that is away, cost no trainer anything but its pay.
 */
import { isDrawn, pledgeOf, seedOf } from '../audit/draw.ts';
import { lastChange } from '../training/calls.ts';
import { stretchEnd } from '../training/stretches.ts';
import type { AuditVerdict, Verdict } from '../wire/audit-verdict.ts';
import type { Pledge, Seal, Sealed } from '../wire/messages.ts';
import type { StretchName } from '../wire/ticket.ts';
import {
  type Audit,
  type AuditOutcome,
  type AuditTerm,
  type Finding,
  type Mark,
  NO_AUDITS,
  type RunAudits,
  type WaitingDraw,
} from './audit-state.ts';
import { auditorFor, falseFinding, isWrong, nextAfter, withAnswer, withPair } from './auditors.ts';
import { backTo } from './damaged-manifest.ts';
import { exclude, type Lie } from './faults.ts';
import { beginsBehind } from './ownership.ts';
import { commit } from './parts.ts';
import type { Refusal, RunState, SynchronizerEvent } from './synchronizer-state.ts';
import { rateFor, watchDraw, watchStretch, watchVerdict } from './watching.ts';
import { isActive, isOver, nameOf, runs, type Work } from './work.ts';

/** Milliseconds behind the first seal of a stretch: then it is drawn without those that have not come. */
export const DRAW_PATIENCE_MS = 60_000;
/** Between two questions for the record of a trainer that is away, and until it is asked no more. */
export const ASK_AGAIN_MS = 30_000;
export const AWAY_MS = 1_800_000;
/** Two marks of a key within it exclude it. */
export const MARKS_WINDOW_MS = 7 * 86_400_000;
/** Behind the end of a run: seals come with heartbeats, when the disk has taken the record. */
export const LAST_SEALS_MS = 5000;
/** A change of what waits and is open is stored so much later, with those that have come since. */
const STORE_MS = 10_000;
const MARKS_KEPT = 64;
const TERMS_KEPT = 4;
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
  const isOne = calls === stretchEnd(deployment, seal.from) && state.calls === lastChange(deployment, calls);
  if (calls <= seal.from || !isOne) return 'not-a-cut';
  if (current && commit(work, run, { type: 'commit', run: id, term, shard, states: [state] }, from) === 'a-lie')
    return 'a-lie';
  return withSeal(work, work.state.runs[id] ?? run, { ...seal, term, shard }, from);
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
  const broken = promised?.from === from && promised.pledge !== pledgeOf(nonce);
  const seal = { key, calls, hash: state.hash, windows, nonce, ...(broken ? { broken } : {}) };
  const draw: WaitingDraw = {
    ...{ term, from, since: before?.since ?? work.now },
    shards: { ...before?.shards, [shard]: seal },
  };
  const saved = setAudits(work, run, {
    ...audits,
    over: false,
    terms: { ...audits.terms, [term]: withPledge(known, shard, calls, next) },
    draws: [...audits.draws.filter((d) => d !== before), draw].slice(-MAX_DRAWS),
  });
  watchStretch(work, saved, { ...received, seen: received.seen ?? [] }, known.owners);
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
    const next = over === undefined ? { ...term, over: work.now } : { ...term, revealed: true };
    setAudits(work, run, { ...audits, terms: { ...audits.terms, [number]: next } });
    if (next.revealed) work.log(run.deployment.run, { event: 'reveal', epoch: Number(number), secret });
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

/** It has ended, and what is sealed by now is all that will be. */
function hasNoMoreSeals({ now }: Work, run: RunState): boolean {
  const { ended } = run.audits ?? NO_AUDITS;
  return isOver(run) && ended !== undefined && now - ended >= LAST_SEALS_MS;
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
    const shards = own.map(({ shard, hash, windows }) => ({ shard, hash, windows }));
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

function ask(work: Work, run: RunState, audit: Audit): void {
  const term = run.audits?.terms[audit.term];
  const { term: number, from, to, trainer, shards, second, seed, auditor } = audit;
  const known = { owners: term?.owners ?? [], begins: { calls: term?.calls ?? -1, hashes: term?.hashes ?? [] } };
  work.effects.push({
    ...{ kind: 'audit', run: run.deployment.run, term: number, from, to, trainer, shards, second, ...known },
    ...(seed === undefined ? {} : { seed }),
    ...(auditor === undefined ? {} : { auditor }),
  });
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
      closed(work, run, audit, 'undelivered', { why: 'its trainer did not come back' });
      return;
    }
    const asked = { ...audit, asked: work.now, away: false };
    ask(work, changed(work, run, audit, asked), asked);
  }
}

/** What an audit has brought. */
export function audited(work: Work, event: SynchronizerEvent & { kind: 'audited' }): Refusal | undefined {
  const run = work.state.runs[event.run];
  if (!run || run.foreign) return 'unknown-run';
  const audit = run.audits?.open.find(
    (a) => a.term === event.term && a.from === event.from && a.trainer === event.trainer,
  );
  if (!audit) return 'not-asked';
  const { shard, call, what, why } = event;
  const found: Found = {
    ...(shard === undefined ? {} : { shard }),
    ...(call === undefined ? {} : { call }),
    ...(what === undefined ? {} : { what }),
    ...(why === undefined ? {} : { why }),
  };
  if (event.auditor !== undefined) return foundBy(work, run, audit, event.auditor, event.verdict, found);
  const refused = settled(work, run, audit, event.verdict, found);
  const wrong = event.verdict === 'mismatch' && !audit.second ? undefined : falseFinding(audit, event);
  if (wrong) falselyFound(work, work.state.runs[event.run] ?? run, audit, wrong);
  return refused;
}

/** Another trainer has done it again, or does not. */
function foundBy(
  work: Work,
  run: RunState,
  audit: Audit,
  auditor: string,
  verdict: AuditOutcome,
  found: Found,
): Refusal | undefined {
  if (audit.auditor !== auditor) return 'not-asked';
  const next = nextAfter(audit, auditor, verdict);
  const heard = withAnswer(work, run, auditor, { verdict, ...found });
  if (next) ask(work, changed(work, heard, audit, next), next);
  else closed(work, heard, audit, verdict === 'match' ? 'match' : 'inconclusive', found);
  return undefined;
}

/** The synchronizer has done it again. */
function settled(work: Work, run: RunState, audit: Audit, verdict: AuditOutcome, found: Found): Refusal | undefined {
  switch (verdict) {
    case 'away':
      changed(work, run, audit, { ...audit, away: true, asked: work.now });
      return undefined;
    case 'match':
    case 'inconclusive':
      closed(work, run, audit, verdict, found);
      return undefined;
    case 'undelivered':
      undelivered(work, run, audit, found);
      return undefined;
    case 'mismatch': {
      if (audit.second) {
        mismatched(work, run, audit, found);
        return undefined;
      }
      const again = { ...audit, second: true };
      ask(work, changed(work, run, audit, again), again);
      return undefined;
    }
  }
}

interface Found {
  readonly shard?: number;
  readonly call?: number;
  readonly what?: string;
  readonly why?: string;
}

/** The first time it is not paid; again within the window it counts as what it hides. */
function undelivered(work: Work, run: RunState, audit: Audit, found: Found): void {
  const before = marksOf(work, audit.trainer).some(({ what }) => what === 'undelivered');
  if (before) {
    mismatched(work, run, audit, { ...found, what: 'record' });
    return;
  }
  closed(work, marked(work, run, audit, 'undelivered', found), audit, 'undelivered', found);
}

function mismatched(work: Work, run: RunState, audit: Audit, found: Found): void {
  const { trainer: key, term, from, to } = audit;
  const id = run.deployment.run;
  const shard = found.shard ?? audit.shards[0]?.shard ?? 0;
  const [call, what] = [found.call ?? from, found.what ?? 'state'];
  const again = marksOf(work, key).some(isWrong);
  closed(work, marked(work, run, audit, 'mismatch', found), audit, 'mismatch', { ...found, shard, call, what });
  work.send(key, { type: 'mismatch', run: id, term, shard, from, calls: to, call, what });
  // What it has sealed before it was excluded still has its verdicts, and moves no run any more.
  if (!again || run.excluded.includes(key)) return;
  const evidence = `call ${call} of shard ${shard} in term ${term}, and another one before it`;
  const before = work.state.runs[id] ?? run;
  const now = backToCleared(work, before);
  const moves = now.owners.includes(key) || now.manifests.length < before.manifests.length;
  ended(work, now, { key, shard, what: 'audit/mismatch', evidence }, moves);
}

/** What it has said of a stretch of another trainer is not so: that costs what a stretch does that was not computed. */
function falselyFound(work: Work, run: RunState, audit: Audit, { key, same }: Finding): void {
  const { trainer, term, from, to } = audit;
  const id = run.deployment.run;
  const shard = audit.shards[0]?.shard ?? 0;
  const again = marksOf(work, key).some(isWrong);
  const now = work.saveRun(marked(work, run, { ...audit, trainer: key }, 'audit', { shard }));
  const names = { key, trainer: nameOf(work, key), audited: nameOf(work, trainer) };
  work.log(id, { event: 'false-audit', epoch: term, from, calls: to, ...names, said: same ? 'match' : 'mismatch' });
  work.send(key, { type: 'mismatch', run: id, term, shard, from, calls: to, call: from, what: 'audit' });
  // Once, of however many shards: the ledger counts words.
  work.effects.push({
    kind: 'verdict',
    verdict: { run: id, shard, term, from, to, trainer: key, verdict: 'mismatch' },
  });
  if (!again || now.excluded.includes(key)) return;
  const evidence = `it said of shard ${shard} behind call ${from} in term ${term} what is not so, and another wrong one before`;
  ended(work, now, { key, shard, what: 'audit/false', evidence }, now.owners.includes(key));
}

/** The second time within the window. @param moves whether shards of the run go to others for it */
function ended(work: Work, run: RunState, lie: Lie, moves: boolean): void {
  const { key, evidence } = lie;
  const reason = `two audits have found it wrong: ${evidence}`;
  work.effects.push({ kind: 'revoke', key, run: run.deployment.run, reason });
  if (isActive(run) && moves) exclude(work, run, lie);
  else work.saveRun({ ...run, excluded: [...new Set([...run.excluded, key])] });
}

/** Drops the snapshots behind a stretch that was not computed so, where an earlier one is left. */
function backToCleared(work: Work, run: RunState): RunState {
  const wrong = (run.marks ?? []).filter(({ what, undone }) => what === 'mismatch' && !undone);
  const first = Math.min(...wrong.map(({ from }) => from));
  const pending = Math.min(...[...(run.audits?.open ?? []), ...(run.audits?.draws ?? [])].map(({ from }) => from));
  const cleared = run.manifests.filter(({ calls }) => calls <= Math.min(first, pending));
  const id = run.deployment.run;
  if (!isActive(run) || cleared.length === run.manifests.length) return run;
  if (cleared.length === 0) {
    work.log(id, { event: 'not-undone', from: first, reason: 'no snapshot from before it is kept' });
    return run;
  }
  const marks = (run.marks ?? []).map((mark) => (mark.from >= first ? { ...mark, undone: true } : mark));
  work.log(id, { event: 'undone', from: first, calls: cleared.at(-1)?.calls ?? 0 });
  return work.setRun({
    ...backTo({ ...run, phase: run.phase === 'running' ? 'preparing' : run.phase }, cleared),
    marks,
  });
}

function marked(work: Work, run: RunState, audit: Audit, what: Mark['what'], found: Found): RunState {
  const { trainer: key, term, from, to } = audit;
  const mark: Mark = {
    ...{ key, trainer: nameOf(work, key), what, term, from, to, at: work.now, undone: false },
    ...{ shard: found.shard ?? audit.shards[0]?.shard ?? 0, call: found.call ?? from },
  };
  return work.setRun({ ...run, marks: [...(run.marks ?? []), mark].slice(-MARKS_KEPT) });
}

/** Of a key, in all runs, that still count. */
function marksOf(work: Work, key: string): Mark[] {
  const all = runs(work).flatMap(({ marks = [] }) => marks);
  return all.filter((mark) => mark.key === key && work.now - mark.at < MARKS_WINDOW_MS);
}

/** It has its verdict: the log and the ledger are told. */
function closed(work: Work, run: RunState, audit: Audit, verdict: Verdict, found: Found): void {
  const { run: id } = run.deployment;
  const { term, from, to, trainer, shards } = audit;
  const open = (run.audits?.open ?? []).filter((a) => a !== audit);
  const saved = { ...run, audits: { ...(run.audits ?? NO_AUDITS), open } };
  if (verdict === 'match') work.setRun(saved);
  else work.saveRun(saved);
  watchVerdict(work, saved, audit, verdict);
  const { shard, call, what, why } = found;
  const by = audit.auditor ?? audit.said?.key;
  work.log(id, {
    ...{ event: 'audit', epoch: term, from, calls: to, key: trainer, trainer: nameOf(work, trainer), verdict },
    shards: shards.map((s) => s.shard),
    ...(verdict === 'mismatch' ? { shard, call, what } : {}),
    ...(by === undefined ? {} : { by: nameOf(work, by) }),
    ...(why === undefined ? {} : { why }),
  });
  for (const { shard: one } of shards) {
    const said: AuditVerdict = { run: id, shard: one, term, from, to, trainer, verdict };
    work.effects.push({ kind: 'verdict', verdict: said });
  }
  endAudits(work, work.state.runs[id] ?? saved);
}

/** Of a run that has ended: when the last one has its verdict, and no seal comes any more. */
function endAudits(work: Work, run: RunState): void {
  const { audits } = run;
  if (!audits || audits.over || audits.draws.length + audits.open.length > 0 || !hasNoMoreSeals(work, run)) return;
  setAudits(work, run, { ...audits, over: true });
  work.effects.push({ kind: 'audits-over', over: { run: run.deployment.run } });
}

function openTerm(work: Work, run: RunState, term: number): RunAudits {
  const audits = run.audits ?? NO_AUDITS;
  if (audits.terms[term] || run.term !== term) return audits;
  const manifest = run.manifests.at(-1);
  const hashes = manifest?.byShard?.map(({ hash }) => hash) ?? [];
  const opened: AuditTerm = { owners: run.owners, calls: beginsBehind(run), hashes, pledges: {} };
  const terms = Object.entries({ ...audits.terms, [term]: opened }).slice(-TERMS_KEPT);
  work.effects.push({ kind: 'pledge', run: run.deployment.run, term });
  const next = { ...audits, terms: Object.fromEntries(terms) };
  setAudits(work, run, next);
  return next;
}

function withPledge(term: AuditTerm, shard: number, from: number, pledge: string): AuditTerm {
  return { ...term, pledges: { ...term.pledges, [shard]: { from, pledge } } };
}

function changed(work: Work, run: RunState, audit: Audit, next: Audit): RunState {
  const audits = run.audits ?? NO_AUDITS;
  return setAudits(work, run, { ...audits, open: audits.open.map((a) => (a === audit ? next : a)) });
}

function setAudits(work: Work, run: RunState, audits: RunAudits): RunState {
  const now = work.state.runs[run.deployment.run] ?? run;
  return work.setRun({ ...now, audits: { ...audits, changed: audits.changed ?? work.now } });
}

/** Whether the stretch waits for its draw, or for its verdict. */
export function isUnderWay(run: RunState | undefined, { shard, term, from }: StretchName): boolean {
  const { draws = [], open = [] } = run?.audits ?? {};
  const isOf = (at: { readonly term: number; readonly from: number }): boolean => at.term === term && at.from === from;
  return (
    draws.some((draw) => isOf(draw) && draw.shards[shard] !== undefined) ||
    open.some((audit) => isOf(audit) && audit.shards.some((s) => s.shard === shard))
  );
}

/** Whether a run has ended, and nothing more comes of its audits. Without a leader it has none. */
export function auditsAreOver(run: RunState | undefined): boolean {
  return run !== undefined && isOver(run) && (run.foreign === true || run.audits?.over === true);
}
