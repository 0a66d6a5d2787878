/** `nmc deploy --dry-run`: where shards would go, and what is missing. */
import type { Plan, PlanTraining } from '../../spec/plan.ts';
import type { MeshStatus } from '../net/mesh-status.ts';
import { place } from '../roles/place.ts';
import { emit } from '../support/emit.ts';
import { formatBytes } from '../support/format-numbers.ts';
import { EXIT } from './command.ts';

export function showPlacement(plan: Plan, training: PlanTraining, status: MeshStatus, asJson: boolean): number {
  const candidates = status.trainers
    .filter((t) => t.state === 'idle' || t.state === 'training')
    .map((t) => ({ key: t.key, capability: t.capability, load: 0 }));
  const needs = plan.shards.map((s) => ({ memory: s.memory, flops: s.flopsPerBatch, bytes: 0 }));
  const { owners, problem } = place(needs, candidates);
  const nameOf = (key: string | undefined): string | null => status.trainers.find((t) => t.key === key)?.name ?? null;
  const shards = plan.shards.map((s, i) => ({
    shard: s.id,
    trainer: nameOf(owners[i]),
    memory: s.memory,
    flopsPerBatch: s.flopsPerBatch,
    nodes: s.nodes.length,
  }));
  const { batchesPerSecond, limit } = predictedRate(plan, owners, candidates);
  const missing = problem === undefined ? [] : [problem];
  if (asJson) {
    emit({ event: 'placement', model: plan.model, task: training.task, shards, batchesPerSecond, limit, missing });
    return problem === undefined ? EXIT.done : EXIT.environment;
  }
  const rows = shards.map(
    (s) =>
      `  shard ${s.shard}  ${s.trainer ?? 'nobody'}  ${formatBytes(s.memory)}  ${(s.flopsPerBatch / 1e6).toFixed(1)} MFLOP a batch`,
  );
  const rate =
    batchesPerSecond === null
      ? 'not known: no trainer has measured what it can do'
      : `${batchesPerSecond.toFixed(1)} batches/s`;
  process.stdout.write(
    `${plan.model} ${training.task} (${training.rule})\n${rows.join('\n')}\nrate     ${rate}\nlimit    ${limit}\nmissing  ${missing.join('; ') || 'nothing'}\n`,
  );
  return problem === undefined ? EXIT.done : EXIT.environment;
}

/** Work alone: the slowest trainer sets the rate. */
function predictedRate(
  plan: Plan,
  owners: readonly string[],
  candidates: readonly { readonly key: string; readonly capability: { readonly rate: number } }[],
): { readonly batchesPerSecond: number | null; readonly limit: string } {
  let slowest = 0;
  let limit = 'not known';
  for (const { key, capability } of candidates) {
    const flops = plan.shards.reduce((sum, s, i) => sum + (owners[i] === key ? s.flopsPerBatch : 0), 0);
    if (flops === 0) continue;
    if (capability.rate <= 0) return { batchesPerSecond: null, limit: 'not known' };
    if (flops / capability.rate > slowest) {
      slowest = flops / capability.rate;
      limit = `work of shard${owners.filter((o) => o === key).length > 1 ? 's' : ''} ${owners.flatMap((o, i) => (o === key ? [i] : [])).join(', ')}`;
    }
  }
  return { batchesPerSecond: slowest > 0 ? 1 / slowest : null, limit };
}
