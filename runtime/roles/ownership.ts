/** Terms of a run: who gets which shard, who is told so, and who may leave. */

import { endsEpoch } from '../training/calls.ts';
import type { Message } from '../wire/messages.ts';
import { bordersOf } from './border-probes.ts';
import { isBarred, isFull, reluctanceOf } from './candidates.ts';
import { goesOn, tellAway } from './empty-shards.ts';
import { withLink } from './measured-link.ts';
import { type Candidate, type Placement, place } from './place.ts';
import { heldByTrainer, isFree } from './sharing.ts';
import { freshTerm, type PendingPart, type RunState } from './synchronizer-state.ts';
import { isActive, members, nameOf, runs, type Work } from './work.ts';

/**
 * A new term of the run, with owners who are there.
 * @param may who may be one of them
 * @param failed shards that their owners have no more
 */
export function reassign(
  work: Work,
  run: RunState,
  why: string,
  may: (candidate: RunCandidate) => boolean = () => true,
  failed: readonly number[] = [],
): void {
  if (work.state.closing) return;
  const id = run.deployment.run;
  const found = placed(work, run, run.owners, may);
  if (goesOn(run) && succeed(work, run, found, why, failed)) return;
  const { placement, version } = found;
  const { owners, problem } = placement;
  if (problem !== undefined) {
    if (run.phase === 'waiting' && run.reason === problem) return;
    const term = run.term + 1;
    const waiting = work.saveRun({ ...beginning(work, run), phase: 'waiting', term, owners: [], reason: problem });
    work.log(id, { event: 'waiting', reason: problem });
    release(work, run.owners, waiting);
    return;
  }
  const instances = Object.fromEntries(
    members(work)
      .filter((m) => owners.includes(m.key))
      .map((m) => [m.key, m.instance]),
  );
  const next = work.saveRun({
    ...beginning(work, run),
    phase: 'preparing',
    term: run.term + 1,
    owners,
    instances,
    ...(version === '' ? {} : { version }),
    reason: why,
  });
  const named = { owners: owners.map((key) => nameOf(work, key)), keys: owners };
  work.log(id, { event: 'epoch-of-owners', epoch: next.term, ...named, why });
  release(
    work,
    run.owners.filter((key) => !owners.includes(key)),
    next,
  );
  for (const key of new Set(owners)) work.send(key, assignment(next, key));
}

/**
 * A new term in which those who are there go on as they are.
 * @param failed shards that their owners have no more
 * @returns whether there is one that goes on
 */
function succeed(work: Work, run: RunState, { placement, version }: Placed, why: string, failed: readonly number[]) {
  const { empty = [], since = [], lost = [] } = run;
  const there = new Map(members(work).map((m) => [m.key, m.instance]));
  const owners =
    placement.problem === undefined ? placement.owners : run.owners.map((key) => (there.has(key) ? key : ''));
  const stays = owners.map((key, shard) => {
    const isSame = key !== '' && key === run.owners[shard] && run.instances[key] === there.get(key);
    return isSame && !empty.includes(shard) && !failed.includes(shard);
  });
  if (!stays.some((s) => s)) return false;
  const term = run.term + 1;
  const left = stays.flatMap((s, shard) => (s ? [] : [shard]));
  const next = work.saveRun({
    ...run,
    ...{ term, owners, reason: why, exchanges: {}, commits: {}, pausing: {}, verifying: 0, parts: soundParts(run) },
    instances: Object.fromEntries([...there].filter(([key]) => owners.includes(key))),
    since: stays.map((s, shard) => (s ? (since[shard] ?? run.term) : term)),
    empty: left,
    // Who has one now computes it again.
    lost: lost.filter((shard) => owners[shard] === ''),
    reports: Object.fromEntries(Object.entries(run.reports).filter(([shard]) => stays[Number(shard)])),
    emptySince: run.emptySince ?? work.now,
    ...(version === '' ? {} : { version }),
  });
  const { run: id } = run.deployment;
  const named = { owners: owners.map((key) => (key === '' ? '' : nameOf(work, key))), keys: owners };
  work.log(id, { event: 'epoch-of-owners', epoch: term, ...named, why });
  release(
    work,
    run.owners.filter((key) => !owners.includes(key)),
    next,
  );
  for (const key of new Set(owners)) if (key !== '') work.send(key, assignment(next, key));
  tellAway(work, next);
  return true;
}

/** All but what a key has brought that is excluded. */
function soundParts({ parts, excluded }: RunState): RunState['parts'] {
  const isSound = ({ key = '' }: PendingPart): boolean => !excluded.includes(key);
  return Object.fromEntries(
    Object.entries(parts).map(([calls, of]) => [
      calls,
      Object.fromEntries(Object.entries(of).filter(([, part]) => isSound(part))),
    ]),
  );
}

/** What was measured stays, all else begins anew. */
function beginning(work: Work, run: RunState): RunState {
  const fresh = freshTerm(work.now);
  const { empty: _empty, lost: _lost, since: _since, emptySince: _at, ...rest } = run;
  return { ...rest, ...fresh, progress: { ...fresh.progress, measured: run.progress.measured } };
}

export interface Placed {
  readonly placement: Placement;
  readonly version: string;
}

/**
 * All shards go to trainers of one version: the one that the run has begun with, else the one that its plan was made
 * by, else the one that most have. Another version takes over only where no trainer of that one can: with all shards at
 * once. Of one version, trainers that work for no other run come first; others share what they have.
 */
export function placed(
  work: Work,
  run: RunState,
  previous: readonly string[],
  may: (candidate: RunCandidate) => boolean = () => true,
): Placed {
  const able = candidates(work, run).filter(may);
  const counts = new Map<string, number>();
  for (const { version = '' } of able) counts.set(version, (counts.get(version) ?? 0) + 1);
  const byCount = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? 1 : -1)).map(([version]) => version);
  const versions = [run.version, run.deployment.source.compiler, ...byCount].filter((v) => v !== undefined);
  const { needs, on = [] } = run.deployment;
  const wanted = needs.map((_, shard) => previous[shard] || (on[shard] ?? ''));
  const reluctance = reluctanceOf(work, run);
  let first: Placed | undefined;
  for (const version of versions.filter((v) => counts.has(v))) {
    const all = able.filter((c) => (c.version ?? '') === version);
    const own = all.filter((c) => c.runs === 0 || wanted.includes(c.key));
    if (own.length > 0 && own.length < all.length) {
      const placement = place(needs, own, wanted, reluctance, run.deployment);
      const willing = placement.owners.every((key, shard) => reluctance(key, shard) === 0);
      if (placement.problem === undefined && willing) return { placement, version };
    }
    const placement = place(needs, all, wanted, reluctance, run.deployment);
    if (placement.problem === undefined) return { placement, version };
    first ??= { placement, version };
  }
  return first ?? { placement: { owners: [], problem: withoutCandidates(work, run) }, version: '' };
}

function withoutCandidates(work: Work, run: RunState): string {
  const free = members(work).filter(isFree);
  if (free.length === 0) return 'there is no trainer';
  if (free.some(({ key }) => isFull(work, run, key))) return 'no trainer has room for it beside other runs';
  return 'none of the trainers may train it: its log says why';
}

export function canPlace(work: Work, run: RunState): boolean {
  return placed(work, run, []).placement.problem === undefined;
}

export type RunCandidate = Candidate & { readonly version: string | undefined };

/** With the memory that shards of other runs leave them. */
export function candidates(work: Work, run: RunState): RunCandidate[] {
  const held = heldByTrainer(work.state, run.deployment.run);
  return members(work)
    .filter((m) => isFree(m) && !isBarred(work, run, m.key))
    .map(({ key, capability, measured, version }) => {
      const { memory = 0, runs: others = [] } = held.get(key) ?? {};
      const left = { ...capability, memory: capability.memory - memory };
      return {
        key,
        capability: withLink(left, measured),
        version,
        runs: others.length,
        borders: bordersOf(work.state, key),
      };
    });
}

/** Calls done of the state that a term begins from. */
export function beginsBehind(run: RunState): number {
  return run.checkingFrom ?? run.manifests.at(-1)?.calls ?? 0;
}

export function assignment(run: RunState, key: string): Message {
  const shards = run.owners.flatMap((owner, shard) => {
    if (owner !== key) return [];
    const restore = restoreOf(run, shard);
    const stays = goesOn(run) && !run.empty?.includes(shard);
    return [{ shard, ...(restore ? { restore } : {}), ...(stays ? { goesOn: true as const } : {}) }];
  });
  return { type: 'assign', run: run.deployment.run, term: run.term, deployment: run.hash, shards };
}

function restoreOf(run: RunState, shard: number) {
  const manifest = run.manifests.at(-1);
  const blob = manifest?.parts[shard];
  if (!manifest || !blob) return undefined;
  // An evaluation changes no state: it may begin from the weights at its end.
  if (run.checkingFrom !== undefined) return { calls: run.checkingFrom, blob, totals: {} };
  const within = !endsEpoch(run.deployment, manifest.calls);
  return { calls: manifest.calls, blob, totals: within ? totalsOf(run, shard) : {} };
}

/** Sums of the epoch so far, as this shard has reported them. */
function totalsOf(run: RunState, shard: number): Readonly<Record<string, number>> {
  const manifest = run.manifests.at(-1);
  if (!manifest) return {};
  if (manifest.byShard) return manifest.byShard[shard]?.totals ?? {};
  // An older version has kept the sums of all shards only: each goes to the first shard that may report it.
  const { needs } = run.deployment;
  return Object.fromEntries(
    Object.entries(manifest.totals).filter(
      ([name]) =>
        Math.max(
          0,
          needs.findIndex((n) => n.totals?.includes(name)),
        ) === shard,
    ),
  );
}

export function release(work: Work, keys: readonly string[], run: RunState): void {
  for (const key of new Set(keys))
    if (key !== '') work.send(key, { type: 'release', run: run.deployment.run, term: run.term });
}

/** Of a trainer that wants to go: at once where it owns nothing, else behind the next manifest. */
export function dismissIfFree(work: Work, key: string): void {
  if (runs(work).some((run) => isActive(run) && run.owners.includes(key))) return;
  work.send(key, { type: 'dismissed', reason: 'its shards are in other hands' });
  work.effects.push({ kind: 'dismiss', key });
  work.removeMember(key);
}
