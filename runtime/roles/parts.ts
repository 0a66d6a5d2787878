/**
 * Parts of snapshots: only where all shards save, only what was signed before, only sums that the shard may report. When
 * all shards have brought one, each blob is looked at, and then it is a manifest.
 */
import type { Message, Part } from '../wire/messages.ts';
import { awaitSeals } from './audit-terms.ts';
import { checkingOver, firstCheck } from './checking.ts';
import { end, halted, haltTarget } from './ending.ts';
import { exclude, fault } from './faults.ts';
import { manifestOf } from './manifest.ts';
import { beginsBehind, reassign, release } from './ownership.ts';
import { rebalance } from './rebalance.ts';
import { commitmentProblem, isExpected, totalsProblem } from './sound-part.ts';
import type { PendingPart, Refusal, RunState, SynchronizerEvent } from './synchronizer-state.ts';
import { watchPart } from './watching.ts';
import { isActive, type Work } from './work.ts';

export function commit(
  work: Work,
  run: RunState,
  { run: id, term, shard, states }: Message & { type: 'commit' },
  key: string,
): Refusal | undefined {
  let newest = run.commits[shard];
  const before = newest?.calls ?? -1;
  for (const { calls, hash } of states) {
    if (newest?.calls === calls && newest.hash !== hash) {
      const evidence = `${newest.hash} and ${hash} after ${calls} calls`;
      exclude(work, run, { key, shard, what: 'commit/two-states', evidence });
      return 'a-lie';
    }
    if (calls > (newest?.calls ?? -1)) newest = { calls, hash };
  }
  // Said again, after a break of the connection.
  if (!newest || newest.calls === before) return 'known-already';
  // Kept for audits, apart from what people read.
  const kept = { term, shard, states, key, begin: beginsBehind(run) };
  work.effects.push({ kind: 'keep', stream: `commit/${id}`, value: kept });
  const known = work.setRun({ ...run, commits: { ...run.commits, [shard]: newest } });
  const fresh = states.filter(({ calls }) => calls > before).map(({ calls }) => calls);
  awaitSeals(work, known, shard, before, fresh);
  return undefined;
}

/** Of states whose signatures do not hold nothing is kept: as evidence they would be worth nothing. */
export function unsigned(work: Work, run: RunState, { shard }: { readonly shard: number }, key: string): Refusal {
  const reason = 'it committed to a state without signing it';
  fault(work, run, [{ key, shard, code: 'commit/signature', reason }]);
  return 'a-fault';
}

export function part(
  work: Work,
  run: RunState,
  received: Message & { type: 'part' },
  key: string,
): Refusal | undefined {
  const { shard, calls } = received;
  if (!isExpected(run, received)) return 'not-a-cut';
  if (calls <= (run.manifests.at(-1)?.calls ?? 0) && run.checkingFrom === undefined) return 'behind-the-manifest';
  // It was on its way twice.
  if (run.parts[calls]?.[shard]) return 'known-already';
  const lie = totalsProblem(run, received);
  if (lie !== undefined) {
    exclude(work, run, { key, shard, what: lie.what, evidence: lie.evidence });
    return 'a-lie';
  }
  const commitment = commitmentProblem(run, received);
  if (commitment === 'later') return 'not-comparable';
  if (commitment === 'missing') {
    const reason = 'it brought a part whose state it had not signed';
    fault(work, run, [{ key, shard, code: 'part/no-commitment', reason }]);
    return 'a-fault';
  }
  if (commitment !== undefined) {
    exclude(work, run, { key, shard, what: 'part/commitment', evidence: commitment.evidence });
    return 'a-lie';
  }
  const { blob, hash, totals, signature } = received;
  // Its owner may be another one before the parts of all are here.
  const isFree = run.deployment.schedule === 'async';
  const pending = { blob, hash, totals, signature, verified: false, ...(isFree ? { term: received.term, key } : {}) };
  const parts = { ...run.parts, [calls]: { ...run.parts[calls], [shard]: pending } };
  verifyNext(work, work.setRun({ ...run, parts: bounded(parts, shard, work.state.limits.parts) }));
  return undefined;
}

type Parts = RunState['parts'];

/** Of one shard the oldest ones wait, and the newest: what is in between is a snapshot less. */
function bounded(parts: Parts, shard: number, most: number): Parts {
  const own = Object.keys(parts)
    .map(Number)
    .filter((calls) => parts[calls]?.[shard])
    .sort((a, b) => a - b);
  const extra = own.length > most ? own.at(-2) : undefined;
  if (extra === undefined) return parts;
  const { [shard]: _dropped, ...others } = parts[extra] ?? {};
  const { [extra]: _cut, ...left } = parts;
  return Object.keys(others).length === 0 ? left : { ...left, [extra]: others };
}

/** The first cut of which all parts are there: each of them is looked at. */
function verifyNext(work: Work, run: RunState): void {
  if (run.verifying > 0) return;
  const wanted = run.deployment.shards - (run.lost?.length ?? 0);
  const complete = Object.entries(run.parts).find(([, of]) => Object.keys(of).length >= wanted);
  if (!complete) return;
  const calls = Number(complete[0]);
  work.setRun({ ...run, verifying: calls });
  for (const [shard, { blob, hash, totals, signature, term = run.term, key }] of Object.entries(complete[1])) {
    const { run: id } = run.deployment;
    const wanted: Omit<Part, 'type'> = {
      ...{ run: id, term, shard: Number(shard), calls },
      ...{ blob, hash, totals, signature },
    };
    work.effects.push({ kind: 'verify', owner: key ?? run.owners[Number(shard)] ?? '', part: wanted });
  }
}

export function verified(work: Work, event: SynchronizerEvent & { kind: 'verified' }): Refusal | undefined {
  const { run: id, term, shard, calls, problem } = event;
  const run = work.state.runs[id];
  if (!run || run.foreign) return 'unknown-run';
  if (!isActive(run)) return 'not-active';
  const known = run.parts[calls]?.[shard];
  if ((known?.term ?? run.term) !== term) return 'another-term';
  if (run.verifying !== calls || !known) return 'not-asked';
  if (problem === 'damaged') {
    // On the disk here: its owner has kept its word, and computes it again.
    reassign(work, run, `a part of shard ${shard} was damaged on the disk`);
    return undefined;
  }
  if (problem === 'plan') {
    end(work, run, 'failed', 'a file of its plan is lost or cannot be read', 'plan/damaged');
    return undefined;
  }
  if (problem !== undefined) {
    const key = known.key ?? run.owners[shard] ?? '';
    exclude(work, run, { key, shard, what: `part/${problem}`, evidence: `blob ${known.blob}, state ${known.hash}` });
    return 'a-lie';
  }
  const parts = { ...run.parts, [calls]: { ...run.parts[calls], [shard]: { ...known, verified: true } } };
  const set = work.setRun({ ...run, parts });
  const next = watchPart(work, set, { shard, calls, totals: known.totals }, event.moved);
  const all: PendingPart[] = Object.values(parts[calls] ?? {});
  if (all.every((p) => p.verified)) completed(work, { ...next, verifying: 0 }, calls);
  return undefined;
}

function completed(work: Work, run: RunState, calls: number): void {
  if (run.checkingFrom !== undefined) {
    checkingOver(work, run, run.parts[calls] ?? {});
    return;
  }
  const { deployment, term } = run;
  const made = manifestOf(run, calls, work.now);
  const saved = work.saveRun(made.run);
  for (const event of made.events) work.log(deployment.run, event);
  work.tell(saved, { type: 'manifest', run: deployment.run, term, calls });
  if (saved.phase === 'done' || saved.phase === 'checking') {
    release(work, saved.owners, saved);
    firstCheck(work, saved);
  } else if (saved.phase === 'halting' && calls >= haltTarget(saved)) halted(work, saved);
  else {
    if (saved.phase === 'running') rebalance(work, saved);
    const now = work.state.runs[deployment.run];
    if (now && now.term === term && isActive(now)) verifyNext(work, now);
  }
}
