/**
 * Trainers change hands right behind a manifest, where nothing is lost. A run that has more than its fair share gives
 * up what another lacks; one that could have more takes what is idle. It is only ever the run's own snapshot at which
 * it moves: what becomes of one run restarts no other.
 */
import { candidates, canPlace, dismissIfFree, placed, reassign } from './ownership.ts';
import { placeWaiting, someoneWaits } from './queue.ts';
import { fairSharesOf, heldByTrainer, shareOf, sharing } from './sharing.ts';
import { moveSlow } from './slow-owner.ts';
import type { RunState } from './synchronizer-state.ts';
import { members, Work } from './work.ts';

/** Of a trainer: for less no run is moved. */
const WORTH = 0.2;

export function rebalance(work: Work, saved: RunState): void {
  const run = moveSlow(work, saved);
  if (!run) return;
  const owners = new Set(run.owners);
  const leaving = members(work).some((m) => m.draining && owners.has(m.key));
  if (!leaving && giveWay(work, run)) return;
  const fresh = leaving ? withoutLeaving(work, run) : grown(work, run);
  if (!fresh) return;
  reassign(work, { ...run, owners: run.owners.map((o, i) => (o === fresh[i] ? o : '')) }, 'shards spread anew');
  for (const member of members(work)) if (member.draining) dismissIfFree(work, member.key);
}

function withoutLeaving(work: Work, run: RunState): readonly string[] | undefined {
  const { owners, problem } = placed(work, run, []).placement;
  return problem === undefined ? owners : undefined;
}

/** Owners that give the run more of the trainers than it has; nothing where there are none, or others come first. */
function grown(work: Work, run: RunState): readonly string[] | undefined {
  const owners = growing(work, run);
  if (!owners) return undefined;
  const { run: id } = run.deployment;
  const fair = fairSharesOf(work.state).get(id) ?? 0;
  if (shareOf(work.state, id, owners) <= fair + WORTH) return owners;
  const lacking = someoneWaits(work) || lackingOnes(work, run).some((other) => growing(work, other));
  return lacking ? undefined : owners;
}

/** Idle trainers alone, or with those that it has, whichever is more. */
function growing(work: Work, run: RunState): readonly string[] | undefined {
  const { run: id, shards } = run.deployment;
  const own = new Set(run.owners);
  if (shareOf(work.state, id, run.owners) + WORTH >= shards) return undefined;
  if (!candidates(work, run).some((c) => c.runs === 0 && !own.has(c.key))) return undefined;
  let best: readonly string[] | undefined;
  let most = shareOf(work.state, id, run.owners) + WORTH;
  for (const kept of [new Set<string>(), own]) {
    const { owners, problem } = placed(work, run, [], (c) => c.runs === 0 || kept.has(c.key)).placement;
    if (problem !== undefined || shareOf(work.state, id, owners) <= most) continue;
    best = owners;
    most = shareOf(work.state, id, owners);
  }
  return best;
}

/** Other runs that have less than their fair share. */
function lackingOnes(work: Work, except: RunState): RunState[] {
  const fair = fairSharesOf(work.state);
  return sharing(work.state).filter((run) => {
    const { run: id } = run.deployment;
    if (id === except.deployment.run || run.checkingFrom !== undefined) return false;
    return shareOf(work.state, id, run.owners) + WORTH < (fair.get(id) ?? 0);
  });
}

/** As few of its trainers go as help another, and it keeps its own share. @returns whether it has a new term */
function giveWay(work: Work, run: RunState): boolean {
  const { run: id } = run.deployment;
  const owners = [...new Set(run.owners)];
  const fair = fairSharesOf(work.state).get(id) ?? 0;
  const least = Math.max(1, Math.ceil(fair - WORTH));
  if (owners.length <= least) return false;
  const lacking = lackingOnes(work, run);
  if (lacking.length === 0) return false;
  // Those that work for others as well are the first to go.
  const held = heldByTrainer(work.state, id);
  const runsAt = (key: string): number => held.get(key)?.runs.length ?? 0;
  const order = owners.map((key, i) => ({ key, i })).sort((a, b) => runsAt(a.key) - runsAt(b.key) || a.i - b.i);
  for (let count = owners.length - 1; count >= least; count--) {
    const keeps = new Set(order.slice(0, count).map(({ key }) => key));
    const kept = run.owners.map((key) => (keeps.has(key) ? key : ''));
    const may = (c: { readonly key: string }): boolean => keeps.has(c.key);
    const { owners: fewer, problem } = placed(work, run, kept, may).placement;
    if (problem !== undefined || shareOf(work.state, id, fewer) + WORTH < fair) break;
    const helped = lacking.find((other) => helps(work, { ...run, owners: fewer }, other));
    if (!helped) continue;
    reassign(work, { ...run, owners: kept }, `it gives way to ${helped.deployment.run}`, may);
    placeWaiting(work);
    return true;
  }
  return false;
}

/** Whether the other would have more, with these owners of the run. */
function helps(work: Work, run: RunState, other: RunState): boolean {
  const after = new Work({ ...work.state, runs: { ...work.state.runs, [run.deployment.run]: run } }, work.now);
  if (other.phase === 'waiting') return canPlace(after, other);
  const { run: id } = other.deployment;
  return (
    shareOf(after.state, id, other.owners) > shareOf(work.state, id, other.owners) + WORTH ||
    growing(after, other) !== undefined
  );
}
