/** What audits have found, and what it costs: marks, the end of a key, the way back (spec/wire.md, 7). */
import type { FirstWrong } from '../../spec/run-events.ts';
import { lastChange } from '../training/calls.ts';
import type { AuditVerdict, Verdict } from '../wire/audit-verdict.ts';
import { type Audit, type AuditOutcome, type Finding, type Mark, NO_AUDITS } from './audit-state.ts';
import { ask, changed, hasNoMoreSeals, neverSealed, setAudits } from './audit-terms.ts';
import { falseFinding, isWrong, nextAfter, withAnswer } from './auditors.ts';
import { backTo } from './damaged-manifest.ts';
import { exclude, type Lie } from './faults.ts';
import type { Refusal, RunState, SynchronizerEvent } from './synchronizer-state.ts';
import { watchVerdict } from './watching.ts';
import { isActive, nameOf, runs, type Work } from './work.ts';

/** Two marks of a key within it exclude it. */
export const MARKS_WINDOW_MS = 7 * 86_400_000;
const MARKS_KEPT = 64;

/** What an audit has brought. */
export function audited(work: Work, event: SynchronizerEvent & { kind: 'audited' }): Refusal | undefined {
  const run = work.state.runs[event.run];
  if (!run || run.foreign) return 'unknown-run';
  const audit = run.audits?.open.find(
    (a) => a.term === event.term && a.from === event.from && a.trainer === event.trainer,
  );
  if (!audit) return 'not-asked';
  const { shard, call, what, first, why } = event;
  const found: Found = {
    ...(shard === undefined ? {} : { shard }),
    ...(call === undefined ? {} : { call }),
    ...(what === undefined ? {} : { what }),
    ...(first === undefined ? {} : { first }),
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
      changed(work, run, audit, { ...audit, away: true, asked: work.now, ...(found.why ? { later: true } : {}) });
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
  readonly first?: FirstWrong;
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
  work.send(key, { type: 'mismatch', run: id, term, shard, from, calls: to, call, what, ...firstOf(found) });
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
    ...{ shard: found.shard ?? audit.shards[0]?.shard ?? 0, call: found.call ?? from, ...firstOf(found) },
  };
  return work.setRun({ ...run, marks: [...(run.marks ?? []), mark].slice(-MARKS_KEPT) });
}

function firstOf({ first }: Found): Pick<Found, 'first'> {
  return first === undefined ? {} : { first };
}

/** Of a key, in all runs, that still count. */
function marksOf(work: Work, key: string): Mark[] {
  const all = runs(work).flatMap(({ marks = [] }) => marks);
  return all.filter((mark) => mark.key === key && work.now - mark.at < MARKS_WINDOW_MS);
}

/** It has its verdict: the log and the ledger are told. */
export function closed(work: Work, run: RunState, audit: Audit, verdict: Verdict, found: Found): void {
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
    ...(verdict === 'mismatch' ? { shard, call, what, ...firstOf(found) } : {}),
    ...(by === undefined ? {} : { by: nameOf(work, by) }),
    ...(why === undefined ? {} : { why }),
  });
  for (const { shard: one } of shards) {
    // As the ledger has it: up to the last call that changed the state, which its trainer has signed.
    const signed = lastChange(run.deployment, to);
    const said: AuditVerdict = { run: id, shard: one, term, from, to: signed, trainer, verdict };
    work.effects.push({ kind: 'verdict', verdict: said });
  }
  endAudits(work, work.state.runs[id] ?? saved);
}

/** Of a run that has ended: when the last one has its verdict, and no seal comes any more. */
export function endAudits(work: Work, run: RunState): void {
  const { audits } = run;
  if (!audits || audits.over || audits.draws.length + audits.open.length > 0 || !hasNoMoreSeals(work, run)) return;
  for (const [number, term] of Object.entries(audits.terms)) neverSealed(work, run, Number(number), term);
  const terms = Object.entries(audits.terms).map(([number, { unsealed: _, ...term }]) => [number, term]);
  setAudits(work, run, { ...audits, terms: Object.fromEntries(terms), over: true });
  work.effects.push({ kind: 'audits-over', over: { run: run.deployment.run } });
}
