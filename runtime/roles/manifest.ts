/** Parts of a snapshot come together: when all shards have saved the same call, it is a manifest. */
import type { Message } from '../wire/messages.ts';
import { allCalls, batchesOf, callsPerEpoch, endsEpoch } from './calls.ts';
import type { EpochRow, ManifestState, RunState } from './synchronizer-state.ts';

export interface Accepted {
  readonly run: RunState;
  /** Set where the part was the last one missing. */
  readonly manifest?: ManifestState;
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

const KEPT = 2;

export function acceptPart(run: RunState, part: Message & { type: 'part' }, now: number): Accepted {
  const { deployment } = run;
  const newest = run.manifests.at(-1);
  // Behind the newest manifest nothing is wanted any more: the part was on its way twice.
  if (part.calls <= (newest?.calls ?? 0) || part.calls > allCalls(deployment)) return { run, events: [] };
  const { blob, totals } = part;
  const parts = { ...run.parts, [part.calls]: { ...run.parts[part.calls], [part.shard]: { blob, totals } } };
  const found = parts[part.calls] ?? {};
  if (Object.keys(found).length < deployment.shards) return { run: { ...run, parts }, events: [] };
  const milliseconds = (newest && !endsEpoch(deployment, newest.calls) ? newest.milliseconds : 0) + (now - run.clock);
  const manifest: ManifestState = {
    calls: part.calls,
    parts: Array.from({ length: deployment.shards }, (_, shard) => found[shard]?.blob ?? ''),
    totals: summed(Object.entries(found).map(([, p]) => p.totals)),
    milliseconds,
  };
  const left = Object.fromEntries(Object.entries(parts).filter(([calls]) => Number(calls) > part.calls));
  const next: RunState = {
    ...run,
    parts: left,
    manifests: [...run.manifests, manifest].slice(-KEPT),
    clock: now,
    manifestAt: now,
  };
  const saved = { event: 'manifest', calls: manifest.calls };
  if (!endsEpoch(deployment, part.calls)) return { run: next, manifest, events: [saved] };
  return withEpoch(next, manifest, saved);
}

function withEpoch(run: RunState, manifest: ManifestState, saved: Readonly<Record<string, unknown>>): Accepted {
  const { deployment } = run;
  const row = rowOf(run, manifest);
  const checks = deployment.evaluations.map((e, i) => {
    const value = meanOf(manifest.totals, i);
    return { check: e.check, value, pass: holds(e.comparison, value, e.bound) };
  });
  const done = manifest.calls === allCalls(deployment);
  const rows = [...run.rows, row];
  const next: RunState = { ...run, rows, checks, phase: done ? 'done' : run.phase, ...(done ? { reason: '' } : {}) };
  const events: Readonly<Record<string, unknown>>[] = [saved, { event: 'epoch', ...row }];
  const seconds = rows.reduce((sum, r) => sum + r.seconds, 0);
  if (done) events.push({ event: 'done', accuracy: row.accuracy, seconds, checks });
  return { run: next, manifest, events };
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
function meanOf(totals: Readonly<Record<string, number>>, i: number): number {
  return (totals[`sum.${i}`] ?? 0) / Math.max(1, totals[`count.${i}`] ?? 0);
}

function holds(comparison: string, value: number, bound: number): boolean {
  if (comparison === '>=') return value >= bound;
  if (comparison === '>') return value > bound;
  if (comparison === '<=') return value <= bound;
  return comparison === '<' ? value < bound : value === bound;
}

function summed(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const totals of all) for (const [name, value] of Object.entries(totals)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
}
