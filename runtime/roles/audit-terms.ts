/** What is known of the audits of a run, and how it changes: terms, what waits for its draw, what is under audit. */
import { stretchBegin } from '../training/stretches.ts';
import type { StretchName } from '../wire/ticket.ts';
import { type Audit, type AuditTerm, NO_AUDITS, type RunAudits, type Unsealed } from './audit-state.ts';
import { beginsBehind } from './ownership.ts';
import type { RunState } from './synchronizer-state.ts';
import { isOver, nameOf, type Work } from './work.ts';

/** Behind the end of a run: seals come with heartbeats, when the disk has taken the record. */
export const LAST_SEALS_MS = 5000;
/** Behind it, or behind the first seal of a stretch, no further seal is waited for. */
export const DRAW_PATIENCE_MS = 60_000;
/** Of one shard: what was signed so many stretches ago is not sealed any more. */
const MAX_UNSEALED = 4096;
const TERMS_KEPT = 4;

/** It has ended, and what is sealed by now is all that will be. */
export function hasNoMoreSeals(work: Work, run: RunState): boolean {
  const { ended } = run.audits ?? NO_AUDITS;
  if (!isOver(run) || ended === undefined || work.now - ended < LAST_SEALS_MS) return false;
  return work.now - ended >= DRAW_PATIENCE_MS || !mayBeSealed(work, run);
}

/** By one who is there. */
function mayBeSealed({ state }: Work, { audits = NO_AUDITS }: RunState): boolean {
  return Object.values(audits.terms).some(({ owners, unsealed = {} }) =>
    Object.entries(unsealed).some(([shard, left]) => {
      const owner = state.members[owners[Number(shard)] ?? ''];
      return left.length > 0 && owner?.connected === true && owner.audits === true;
    }),
  );
}

export function openTerm(work: Work, run: RunState, term: number): RunAudits {
  const audits = run.audits ?? NO_AUDITS;
  if (audits.terms[term] || run.term !== term) return audits;
  const manifest = run.manifests.at(-1);
  const hashes = manifest?.byShard?.map(({ hash }) => hash) ?? [];
  const opened: AuditTerm = { owners: run.owners, calls: beginsBehind(run), hashes, pledges: {} };
  const terms = Object.entries({ ...audits.terms, [term]: opened });
  for (const [number, old] of terms.slice(0, -TERMS_KEPT)) neverSealed(work, run, Number(number), old);
  work.effects.push({ kind: 'pledge', run: run.deployment.run, term });
  const next = { ...audits, terms: Object.fromEntries(terms.slice(-TERMS_KEPT)) };
  setAudits(work, run, next);
  return next;
}

/**
 * A shard has signed states: the stretches that end with them are paid when they are sealed, since only these are drawn.
 * @param before calls behind the newest state that it had signed in this term
 */
export function awaitSeals(work: Work, run: RunState, shard: number, before: number, states: readonly number[]): void {
  const { deployment, term: number } = run;
  // Where no records are kept nothing can be sealed.
  if (!deployment.stretches || run.checkingFrom !== undefined) return;
  const audits = openTerm(work, run, number);
  const term = audits.terms[number];
  if (!term) return;
  const known = term.unsealed?.[shard];
  let last = Math.max(before, 0);
  const signed = states.map((to): Unsealed => {
    const from = Math.max(last, stretchBegin(deployment, to - 1, term.calls));
    last = to;
    return { from, to };
  });
  // What it said before the synchronizer began anew may be said again, and its seal is not.
  const all = known === undefined && term.anew ? [] : [...(known ?? []), ...signed];
  const [late, left] = [all.slice(0, -MAX_UNSEALED), all.slice(-MAX_UNSEALED)];
  if (late.length > 0) neverSealed(work, run, number, { ...term, unsealed: { [shard]: late } });
  const next = { ...term, unsealed: { ...term.unsealed, [shard]: left } };
  setAudits(work, run, { ...audits, terms: { ...audits.terms, [number]: next } });
}

/** One of them is sealed. @param to calls behind the last that changed the state */
export function withoutUnsealed(term: AuditTerm, shard: number, to: number): AuditTerm {
  const left = term.unsealed?.[shard]?.filter((stretch) => stretch.to !== to);
  return left === undefined ? term : { ...term, unsealed: { ...term.unsealed, [shard]: left } };
}

/** Of a term that is over: what was signed and never sealed could not be drawn, and is not paid. */
export function neverSealed(work: Work, run: RunState, number: number, { owners, unsealed = {} }: AuditTerm): void {
  const id = run.deployment.run;
  for (const [name, stretches] of Object.entries(unsealed)) {
    const [shard, first, last] = [Number(name), stretches[0], stretches.at(-1)];
    const key = owners[shard];
    if (!first || !last || key === undefined) continue;
    const named = { key, trainer: nameOf(work, key), shard, from: first.from, calls: last.to };
    work.log(id, { event: 'unsealed', epoch: number, ...named, stretches: stretches.length });
    for (const { from, to } of stretches) {
      const verdict = { run: id, shard, term: number, from, to, trainer: key, verdict: 'unsealed' } as const;
      work.effects.push({ kind: 'verdict', verdict });
    }
  }
}

export function withPledge(term: AuditTerm, shard: number, from: number, pledge: string): AuditTerm {
  return { ...term, pledges: { ...term.pledges, [shard]: { from, pledge } } };
}

export function changed(work: Work, run: RunState, audit: Audit, next: Audit): RunState {
  const audits = run.audits ?? NO_AUDITS;
  return setAudits(work, run, { ...audits, open: audits.open.map((a) => (a === audit ? next : a)) });
}

export function setAudits(work: Work, run: RunState, audits: RunAudits): RunState {
  const now = work.state.runs[run.deployment.run] ?? run;
  return work.setRun({ ...now, audits: { ...audits, changed: audits.changed ?? work.now } });
}

/** Whether the stretch waits for its seal, its draw, or its verdict: it is not paid before. */
export function isUnderWay(run: RunState | undefined, { shard, term, from }: StretchName): boolean {
  const { draws = [], open = [], terms = {} } = run?.audits ?? {};
  const isOf = (at: { readonly term: number; readonly from: number }): boolean => at.term === term && at.from === from;
  return (
    terms[term]?.unsealed?.[shard]?.some((stretch) => stretch.from === from) === true ||
    draws.some((draw) => isOf(draw) && draw.shards[shard] !== undefined) ||
    open.some((audit) => isOf(audit) && audit.shards.some((s) => s.shard === shard))
  );
}

/** Whether a run has ended, and nothing more comes of its audits. Without a leader it has none. */
export function auditsAreOver(run: RunState | undefined): boolean {
  return run !== undefined && isOver(run) && (run.foreign === true || run.audits?.over === true);
}

export function ask(work: Work, run: RunState, audit: Audit): void {
  const term = run.audits?.terms[audit.term];
  const { term: number, from, to, trainer, shards, second, seed, auditor } = audit;
  const known = { owners: term?.owners ?? [], begins: { calls: term?.calls ?? -1, hashes: term?.hashes ?? [] } };
  work.effects.push({
    ...{ kind: 'audit', run: run.deployment.run, term: number, from, to, trainer, shards, second, ...known },
    ...(seed === undefined ? {} : { seed }),
    ...(auditor === undefined ? {} : { auditor }),
  });
}
