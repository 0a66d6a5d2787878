/** Parts of a snapshot come together: when all shards have saved the same call, it is a manifest. */
import type { KeptEpoch, RunEvent } from '../../spec/run-events.ts';
import { allCalls, callsPerEpoch, endsEpoch } from '../training/calls.ts';
import { epochReport } from '../training/epoch-report.ts';
import { isCheck } from '../training/evaluations.ts';
import { finiteOrNull, holds, measured } from '../training/metrics.ts';
import { comparedIn, summed } from '../training/totals.ts';
import type { ManifestState, PendingPart, RunState } from './synchronizer-state.ts';

export interface Made {
  readonly run: RunState;
  readonly events: readonly RunEvent[];
}

const KEPT = 2;

/** All parts behind so many calls are there, and are what they say. */
export function manifestOf(run: RunState, calls: number, now: number): Made {
  const { deployment } = run;
  const newest = run.manifests.at(-1);
  const found = run.parts[calls] ?? {};
  const milliseconds = (newest && !endsEpoch(deployment, newest.calls) ? newest.milliseconds : 0) + (now - run.clock);
  // Of a shard that was given up the last part counts.
  const before = (shard: number): Pick<PendingPart, 'blob' | 'hash' | 'totals'> => ({
    ...{ blob: newest?.parts[shard] ?? '', hash: newest?.byShard?.[shard]?.hash ?? '', totals: {} },
  });
  const shards = deployment.needs.map((_, shard) => (run.lost?.includes(shard) ? before(shard) : found[shard]));
  const manifest: ManifestState = {
    calls,
    parts: shards.map((p) => p?.blob ?? ''),
    totals: summed(shards.map((p) => p?.totals ?? {})),
    byShard: shards.map((p) => ({ hash: p?.hash ?? '', totals: p?.totals ?? {} })),
    milliseconds,
  };
  const next: RunState = {
    ...run,
    parts: Object.fromEntries(Object.entries(run.parts).filter(([c]) => Number(c) > calls)),
    manifests: [...run.manifests, manifest].slice(-KEPT),
    trained: run.owners.map((key, shard) => [
      ...new Set([...(run.trained[shard] ?? []), ...(key === '' ? [] : [key])]),
    ]),
    clock: now,
    manifestAt: now,
  };
  const saved: RunEvent = { event: 'manifest', calls };
  return endsEpoch(deployment, calls) ? withEpoch(next, manifest, saved) : { run: next, events: [saved] };
}

function withEpoch(run: RunState, manifest: ManifestState, saved: RunEvent): Made {
  const { deployment } = run;
  const row = rowOf(run, manifest);
  const checks = deployment.evaluations.filter(isCheck).map((e, i) => {
    const value = measured(e, comparedIn(manifest.totals, i));
    return { check: e.check, value: finiteOrNull(value), pass: holds(e, value) };
  });
  const rows = [...run.rows, row];
  const events: RunEvent[] = [saved, { event: 'epoch', ...row }];
  if (manifest.calls < allCalls(deployment)) return { run: { ...run, rows, checks }, events };
  // What is checked is computed again before it counts.
  if (deployment.evaluations.length > 0)
    return { run: { ...run, rows, checks, phase: 'checking', reason: '' }, events };
  const seconds = rows.reduce((sum, r) => sum + r.seconds, 0);
  const done: RunEvent = { event: 'done', accuracy: row.accuracy, seconds, checks };
  return { run: { ...run, rows, checks, phase: 'done', reason: '' }, events: [...events, done] };
}

function rowOf({ deployment }: RunState, { calls, totals, milliseconds }: ManifestState): KeptEpoch {
  const epoch = calls / callsPerEpoch(deployment);
  const values = deployment.evaluations.map((e, i) => measured(e, comparedIn(totals, i)));
  const report = epochReport(deployment, { epoch, totals, seconds: milliseconds / 1000, values });
  const { accuracy, validation } = report;
  return {
    ...report,
    accuracy: finiteOrNull(accuracy),
    ...(validation === undefined ? {} : { validation: finiteOrNull(validation) }),
  };
}
