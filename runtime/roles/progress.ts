/**
 * Deadlines: a shard that loads or computes for too long moves. How long a call may take follows from what such calls
 * have taken in this run, and from what the plan expects; who is late follows from what each shard says it waits for.
 */

import { evaluationKind, TRAIN } from '../../spec/names.ts';
import { allCalls, callAt, isCut } from '../training/calls.ts';
import type { ShardNeeds } from '../wire/deployment.ts';
import type { ShardReport } from '../wire/messages.ts';
import { goesOn } from './empty-shards.ts';
import { fault, undecided } from './faults.ts';
import type { Limits } from './limits.ts';
import { beginsBehind, placed, reassign } from './ownership.ts';
import { watchEmpty } from './succession.ts';
import type { Progress, RunState } from './synchronizer-state.ts';
import type { Work } from './work.ts';

/** FLOP/s: a trainer that says less, or nothing, is taken to reach so much. */
const SOME_RATE = 1e9;

/** Takes a heartbeat's report of a shard. */
export function withReport(run: RunState, report: ShardReport, now: number): RunState {
  const next = { ...run, reports: { ...run.reports, [report.shard]: report } };
  if (run.phase !== 'running') return next;
  const { progress } = run;
  const known = progress.shards[report.shard];
  if (known && report.calls <= known.calls) return next;
  const shards = { ...progress.shards, [report.shard]: { calls: report.calls, at: now } };
  return { ...next, progress: withSlowest(run, { ...progress, shards }, now) };
}

function withSlowest(run: RunState, progress: Progress, now: number): Progress {
  const { slowest, shards, measured } = progress;
  const ended = trainedShards(run).map((shard) => shards[shard]?.calls ?? slowest.calls);
  const calls = Math.min(...ended);
  if (calls <= slowest.calls) return progress;
  const kind = kindOf(run, slowest.calls);
  const before = measured[kind] ?? { calls: 0, milliseconds: 0 };
  const sum = {
    calls: before.calls + calls - slowest.calls,
    milliseconds: before.milliseconds + now - slowest.at,
  };
  return { ...progress, slowest: { calls, at: now }, measured: { ...measured, [kind]: sum } };
}

/** All but those that were given up. */
function trainedShards({ deployment, lost = [] }: RunState): number[] {
  return deployment.needs.flatMap((_, shard) => (lost.includes(shard) ? [] : [shard]));
}

/** All have begun. */
export function started(run: RunState, now: number): Progress {
  return { ...run.progress, since: now, shards: {}, slowest: { calls: beginsBehind(run), at: now } };
}

/** While we ourselves were held up, no shard counts as late. */
export function forgiven(progress: Progress, milliseconds: number): Progress {
  const { since, slowest } = progress;
  return { ...progress, since: since + milliseconds, slowest: { ...slowest, at: slowest.at + milliseconds } };
}

/** Looks at a run at every tick. */
export function watchProgress(work: Work, run: RunState): void {
  const { limits } = work.state;
  if (run.phase === 'preparing') {
    if (work.now - run.progress.since <= loadingDeadline(run, limits)) return;
    const late = run.deployment.needs.flatMap((_, shard) => (run.exchanges[shard] ? [] : [shard]));
    blame(work, run, late, 'it has not loaded its shard in time');
  } else if (run.phase === 'running' && goesOn(run) && (run.empty?.length ?? 0) > (run.lost?.length ?? 0)) {
    watchEmpty(work, run, () => refilled(work, run));
    const now = work.state.runs[run.deployment.run];
    if (now?.term !== run.term) return;
    // Others may wait for what is empty.
    work.setRun({ ...now, progress: { ...now.progress, slowest: { ...now.progress.slowest, at: work.now } } });
    const late = (now.empty ?? []).filter((shard) => now.owners[shard] !== '');
    if (late.length > 0 && work.now - (now.emptySince ?? work.now) > loadingDeadline(now, limits))
      blame(work, now, late, 'it has not loaded its shard in time');
  } else if (run.phase === 'running' && run.verifying === 0) {
    const { slowest } = run.progress;
    if (work.now - slowest.at <= callDeadline(work, run)) return;
    if (slowest.calls >= allCalls(run.deployment)) {
      const given = run.parts[slowest.calls] ?? {};
      const missing = trainedShards(run).filter((shard) => !given[shard]);
      blame(work, run, missing, 'it has not brought its last part');
    } else blameForCall(work, run);
  }
}

/** Where somebody can take what is empty. @returns whether a new term has begun */
function refilled(work: Work, run: RunState): boolean {
  if (work.state.closing || placed(work, run, run.owners).placement.problem !== undefined) return false;
  reassign(work, run, 'a trainer takes what was empty');
  return work.state.runs[run.deployment.run]?.term !== run.term;
}

/** Milliseconds. */
export function loadingDeadline({ deployment }: RunState, limits: Limits): number {
  const columns = [deployment.train, ...deployment.checks].flatMap((d) => d.columns.flatMap((c) => c.blobs));
  const files = [...deployment.plan, ...columns].reduce((sum, { bytes }) => sum + bytes, 0);
  const memory = deployment.needs.reduce((sum, n) => sum + n.memory, 0);
  return limits.loading + ((files + memory) / limits.bytesPerSecond) * 1000;
}

/** In a training batch. */
function bytesSent({ sends, bytes }: Pick<ShardNeeds, 'sends' | 'bytes'>): number {
  return sends ? sends.reduce((sum, each) => sum + each.bytes, 0) : bytes;
}

/** Milliseconds for the call that the slowest shard is at. */
export function callDeadline({ state }: Work, run: RunState): number {
  const { limits } = state;
  const { deployment, progress, owners } = run;
  const { calls } = progress.slowest;
  const mean = (kind: string): number | undefined => {
    const known = progress.measured[kind];
    return known && known.milliseconds / known.calls;
  };
  const kind = kindOf(run, calls);
  const seconds = deployment.needs.map(
    ({ flops }, i) => flops / Math.max(SOME_RATE, state.members[owners[i] ?? '']?.capability.rate ?? 0),
  );
  const expected = mean(kind) ?? Math.max(mean(TRAIN) ?? 0, 1000 * Math.max(...seconds));
  const first = kind !== TRAIN && kind !== END && mean(kind) === undefined ? limits.firstEvaluation : 0;
  const saved = isCut(deployment, calls) ? Math.max(...deployment.needs.map((n) => n.memory)) : 0;
  // In lockstep one border may wait for the other. Of later calls it is known how long they take, frames and all.
  const isFirst = kind === TRAIN && mean(kind) === undefined;
  const sent = isFirst ? deployment.needs.reduce((sum, need) => sum + bytesSent(need), 0) : 0;
  return Math.max(limits.call, first, limits.slow * expected) + ((saved + sent) / limits.bytesPerSecond) * 1000;
}

/** Behind the last call. */
const END = 'end';

function kindOf({ deployment }: RunState, calls: number): string {
  if (calls >= allCalls(deployment)) return END;
  const call = callAt(deployment, calls);
  return call.kind === 'train' ? TRAIN : evaluationKind(call.evaluation);
}

/** From the shards that are behind along what each waits for: to those that do not wait, or round in a circle. */
function blameForCall(work: Work, run: RunState): void {
  const { slowest, shards } = run.progress;
  const behind = trainedShards(run).filter((shard) => (shards[shard]?.calls ?? slowest.calls) === slowest.calls);
  const reached = new Set<number>(behind);
  // A set that grows while it is gone through.
  for (const shard of reached) for (const other of waitsOf(run, shard)) reached.add(other);
  const ends = [...reached].filter((shard) => waitsOf(run, shard).length === 0);
  if (ends.length > 0) {
    blame(work, run, ends, 'its work does not go on');
    return;
  }
  const pairs = [...reached].flatMap((shard) =>
    waitsOf(run, shard).map((other) => ({ accuser: run.owners[shard] ?? '', accused: run.owners[other] ?? '' })),
  );
  const between = pairs.filter(
    (p, i) =>
      p.accuser !== p.accused &&
      pairs.findIndex((q) => [q.accuser, q.accused].sort().join() === [p.accuser, p.accused].sort().join()) === i,
  );
  if (between.length === 0) blame(work, run, [...reached], 'its shards wait for each other');
  else {
    work.log(run.deployment.run, {
      event: 'dispute',
      what: 'waiting',
      verdict: 'undecided',
      shards: [...reached],
    });
    undecided(work, run, between);
  }
}

/** Other shards that it waits for now. */
export function waitsOf(run: RunState, shard: number): number[] {
  const report = run.reports[shard];
  if (report?.state !== 'waiting') return [];
  return (report.waits ?? []).filter((other) => other !== shard && other < run.deployment.shards);
}

function blame(work: Work, run: RunState, shards: readonly number[], reason: string): void {
  fault(
    work,
    run,
    shards.map((shard) => ({ key: run.owners[shard] ?? '', shard, code: 'progress/late', reason })),
  );
}
