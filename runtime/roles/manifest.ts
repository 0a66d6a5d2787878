/** Parts of a snapshot come together: when all shards have saved the same call, it is a manifest. */
import { allCalls, batchesOf, callsPerEpoch, endsEpoch } from './calls.ts';
import type { EpochRow, ManifestState, RunState } from './synchronizer-state.ts';

export interface Made {
  readonly run: RunState;
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

const KEPT = 2;

/** All parts behind so many calls are there, and are what they say. */
export function manifestOf(run: RunState, calls: number, now: number): Made {
  const { deployment } = run;
  const newest = run.manifests.at(-1);
  const found = run.parts[calls] ?? {};
  const milliseconds = (newest && !endsEpoch(deployment, newest.calls) ? newest.milliseconds : 0) + (now - run.clock);
  const shards = deployment.needs.map((_, shard) => found[shard]);
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
    trained: run.owners.map((key, shard) => [...new Set([...(run.trained[shard] ?? []), key])]),
    clock: now,
    manifestAt: now,
  };
  const saved = { event: 'manifest', calls };
  return endsEpoch(deployment, calls) ? withEpoch(next, manifest, saved) : { run: next, events: [saved] };
}

function withEpoch(run: RunState, manifest: ManifestState, saved: Readonly<Record<string, unknown>>): Made {
  const { deployment } = run;
  const row = rowOf(run, manifest);
  const checks = deployment.evaluations.map((e, i) => {
    const value = meanOf(manifest.totals, i);
    return { check: e.check, value, pass: holds(e.comparison, value, e.bound) };
  });
  const rows = [...run.rows, row];
  const events = [saved, { event: 'epoch', ...row }];
  if (manifest.calls < allCalls(deployment)) return { run: { ...run, rows, checks }, events };
  // What is checked is computed again before it counts.
  if (checks.length > 0) return { run: { ...run, rows, checks, phase: 'checking', reason: '' }, events };
  const seconds = rows.reduce((sum, r) => sum + r.seconds, 0);
  const done = { event: 'done', accuracy: row.accuracy, seconds, checks };
  return { run: { ...run, rows, checks, phase: 'done', reason: '' }, events: [...events, done] };
}

function rowOf({ deployment }: RunState, { calls, totals, milliseconds }: ManifestState): EpochRow {
  const samples = batchesOf(deployment) * deployment.batch;
  const nodes = Object.entries(totals).filter(([name]) => name.startsWith('energy.'));
  const energyByNode = Object.fromEntries(
    nodes.map(([name, sum]) => [name.slice('energy.'.length), sum / Math.max(1, samples)]),
  );
  const first = deployment.evaluations.findIndex((e) => e.metric === 'accuracy');
  const seconds = milliseconds / 1000;
  return {
    epoch: calls / callsPerEpoch(deployment),
    energy: Object.values(energyByNode).reduce((a, b) => a + b, 0),
    energyByNode,
    accuracy: first < 0 ? null : meanOf(totals, first),
    seconds,
    samplesPerSecond: samples / Math.max(1e-9, seconds),
  };
}

/** Sums of evaluation `i`, over what was counted. */
export function meanOf(totals: Readonly<Record<string, number>>, i: number): number {
  return (totals[`sum.${i}`] ?? 0) / Math.max(1, totals[`count.${i}`] ?? 0);
}

export function holds(comparison: string, value: number, bound: number): boolean {
  if (comparison === '>=') return value >= bound;
  if (comparison === '>') return value > bound;
  if (comparison === '<=') return value <= bound;
  return comparison === '<' ? value < bound : value === bound;
}

export function summed(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const totals of all) for (const [name, value] of Object.entries(totals)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
}
