/** `nmc deploy --dry-run`: where shards would go, how fast that will be and what limits it, and what is missing. */
import { microbatchSizes } from '../../../compiler/5-program/pipeline.ts';
import type { MeshStatus } from '../../net/mesh-status.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import { emit } from '../../support/emit.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { printed } from '../../support/printable.ts';
import { placeOn, predictRate, type RatedShard, type RatedTrainer, rated } from '../planning/predict-rate.ts';
import { EXIT } from '../shell/command.ts';
import { trainingOf } from '../training/train-settings.ts';

/** Those that would be given something. */
export function trainersOf(status: MeshStatus): RatedTrainer[] {
  return status.trainers.filter((t) => t.state === 'idle' || t.state === 'training');
}

/** Who said how the training goes: `--schedule`, `schedule home`. */
export interface SaidBy {
  readonly schedule: string;
  /** How many shards. */
  readonly shards?: string;
  /** Where a batch is divided. */
  readonly microbatches?: string;
  /** Where batches begin ahead of the one before them. */
  readonly ahead?: string;
}

interface Placed {
  readonly verified: VerifiedPlan;
  readonly said: SaidBy;
}

export function showPlacement(
  { verified, said }: Placed,
  trainers: readonly RatedTrainer[],
  codec: 'f32' | 'f16',
  asJson: boolean,
): number {
  const { plan } = verified;
  const training = trainingOf(plan);
  const needs = plan.shards.map((s) => ({ memory: s.memory, flops: s.flopsPerBatch, bytes: 0 }));
  const { owners, problem } = placeOn(needs, trainers);
  const predicted = problem === undefined ? predictRate(ratedShards(verified), owners, trainers, codec) : undefined;
  const nameOf = (key: string | undefined): string | null => trainers.find((t) => t.key === key)?.name ?? null;
  const shards = plan.shards.map((s, i) => ({
    shard: s.id,
    trainer: nameOf(owners[i]),
    memory: s.memory,
    flopsPerBatch: s.flopsPerBatch,
    nodes: s.nodes.length,
    busy: predicted?.busy[i] ?? null,
  }));
  const unmeasured = trainers.filter((t) => owners.includes(t.key) && t.capability.rate <= 0);
  const missing = [
    ...(problem === undefined ? [] : [problem]),
    ...(unmeasured.length > 0
      ? [`${unmeasured.map((t) => t.name).join(', ')} has not measured what it can do yet`]
      : []),
  ];
  const { microbatches = 1, ahead = 0, batch } = training;
  const schedule = microbatches > 1 ? 'pipelined' : 'lockstep';
  const batchesPerSecond = predicted?.batchesPerSecond ?? null;
  const limit = predicted?.limit ?? 'not known';
  const samplesPerSecond = batchesPerSecond === null ? null : batchesPerSecond * batch;
  const code = problem === undefined ? EXIT.done : EXIT.environment;
  if (asJson) {
    const { model } = plan;
    const { task } = training;
    const rate = { batchesPerSecond, samplesPerSecond, processorSeconds: predicted?.processorSeconds ?? null, limit };
    emit({ event: 'placement', model, task, schedule, microbatches, ahead, said, batch, shards, ...rate, missing });
    return code;
  }
  const width = Math.max(...shards.map((s) => (s.trainer ?? 'nobody').length));
  const rows = shards.map((s) => {
    const busy = s.busy === null ? '' : `  busy ${Math.round(100 * s.busy)} %`;
    const work = `${(s.flopsPerBatch / 1e6).toFixed(1)} MFLOP a batch`;
    return printed`  shard ${s.shard}  ${(s.trainer ?? 'nobody').padEnd(width)}  ${formatBytes(s.memory)}  ${work}${busy}`;
  });
  const rate =
    batchesPerSecond === null || samplesPerSecond === null
      ? 'not known'
      : `${samplesPerSecond.toFixed(0)} samples/s (${batchesPerSecond.toFixed(2)} batches/s)`;
  const { size, last } = microbatchSizes(batch, microbatches);
  const smaller = last < size ? `, the last of ${last}` : '';
  const parts = microbatches > 1 ? `, ${microbatches} microbatches of ${size}${smaller}` : '';
  const begun = ahead > 0 ? ', the next batch begun on predicted weights' : '';
  const by = [
    ...new Set([said.shards, said.schedule, said.microbatches, said.ahead].filter((who) => who !== undefined)),
  ].join(', ');
  process.stdout.write(
    printed`${plan.model} ${training.task} (${training.rule}), ${schedule}${parts}${begun} (${by})\n` +
      `${rows.join('\n')}\n` +
      printed`rate     ${rate}\nlimit    ${limit}\nmissing  ${missing.join('; ') || 'nothing'}\n`,
  );
  return code;
}

function ratedShards({ programs, schedules }: VerifiedPlan): RatedShard[] {
  return programs.flatMap((program, i) => {
    const schedule = schedules[i];
    return schedule ? [rated({ program, schedule })] : [];
  });
}
