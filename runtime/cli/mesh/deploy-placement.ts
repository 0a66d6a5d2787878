/** `nmc deploy --dry-run`: where shards would go, how fast that will be and what limits it, and what is missing. */
import { microbatchSizes } from '../../../compiler/5-program/pipeline.ts';
import type { PlanTraining } from '../../../spec/plan.ts';
import { scheduleOfTraining } from '../../net/make-deployment.ts';
import type { MeshStatus } from '../../net/mesh-status.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import { placeOf } from '../../roles/batch-time.ts';
import { emit } from '../../support/emit.ts';
import { formatBytes, formatDuration } from '../../support/format-numbers.ts';
import { printed } from '../../support/printable.ts';
import type { SavedRun } from '../../training/calls.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import { aloneRate } from '../planning/alone-rate.ts';
import { staleText, type TickDelays, tickDelays } from '../planning/measured-staleness.ts';
import type { PlacementNeeds } from '../planning/placement-needs.ts';
import { predictEpoch } from '../planning/predict-epoch.ts';
import { placeOn, predictPlaced, type RatedTrainer } from '../planning/predict-rate.ts';
import { type RatedShard, rated } from '../planning/rated-shard.ts';
import { EXIT } from '../shell/command.ts';
import { trainingOf } from '../training/train-settings.ts';
import { bordersText, placedBorders } from './placed-borders.ts';

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
  /** Of `async`: how old values may be. */
  readonly staleness?: string;
}

interface Placed {
  readonly verified: VerifiedPlan;
  readonly said: SaidBy;
  readonly placement: PlacementNeeds;
  /** Bytes by shard, as its trainer counts them. */
  readonly memory: readonly number[];
  /** Keys of trainers by shard, where the user names them. */
  readonly on?: readonly string[];
  readonly whole?: () => RatedShard;
  /** How long an epoch is; absent where its data are not here. */
  readonly run?: SavedRun;
  /** Machine of the synchronizer; absent: not known. */
  readonly synchronizer?: string;
}

export function showPlacement(
  placed: Placed,
  trainers: readonly RatedTrainer[],
  codec: BorderCodec,
  asJson: boolean,
): number {
  const figures = figuresOf(placed, trainers, codec);
  const { verified, said } = placed;
  const { model } = verified.plan;
  const training = trainingOf(verified.plan);
  const { task, microbatches = 1, ahead = 0, batch } = training;
  const schedule = scheduleOfTraining(training);
  const { problem, ...told } = figures;
  const sent = codec === 'f32' ? {} : { codec };
  if (asJson) emit({ event: 'placement', model, task, schedule, microbatches, ahead, said, batch, ...sent, ...told });
  else process.stdout.write(placementText(model, training, said, { ...figures, ...sent }));
  return problem === undefined ? EXIT.done : EXIT.environment;
}

type Figures = ReturnType<typeof figuresOf> & { readonly codec?: BorderCodec };

function figuresOf(
  { verified, placement, memory, on, whole, run, synchronizer }: Placed,
  trainers: readonly RatedTrainer[],
  codec: BorderCodec,
) {
  const { plan } = verified;
  const { microbatches = 1, batch } = trainingOf(plan);
  const needs = plan.shards.map(({ flopsPerBatch: flops }, i) => ({
    ...{ memory: memory[i] ?? 0, flops, bytes: 0 },
    ...placement.needs[i],
  }));
  const saved = run && { snapshotEvery: run.snapshotEvery };
  const pacing = { pace: placement.pace, microbatches, ...saved, ...(on ? { on } : {}) };
  const { owners, problem } = placeOn(needs, trainers, pacing);
  const divided = ratedShards(verified);
  const staleness = trainingOf(plan).async?.staleness;
  const onTrainers = { shards: divided, owners, trainers, codec, data: run, staleness, synchronizer };
  const predicted = problem === undefined ? predictPlaced(onTrainers) : undefined;
  const epoch = run && predicted && predictEpoch(onTrainers, run, 1 / predicted.batchesPerSecond);
  const all = needs.reduce((sum, need) => sum + need.memory, 0);
  const alone = aloneRate(divided, whole?.(), all, trainers, codec, run);
  const used = trainers.filter((t) => owners.includes(t.key));
  const nameOf = (key: string | undefined): string | null => trainers.find((t) => t.key === key)?.name ?? null;
  const shards = plan.shards.map((s, i) => ({
    ...{ shard: s.id, trainer: nameOf(owners[i]), memory: memory[i] ?? 0, flopsPerBatch: s.flopsPerBatch },
    ...{ nodes: s.nodes.length, busy: predicted?.busy[i] ?? null },
  }));
  const batchesPerSecond = predicted?.batchesPerSecond ?? null;
  const delays = staleness === undefined || problem !== undefined ? undefined : tickDelays(onTrainers);
  return {
    problem,
    ...(staleness === undefined
      ? {}
      : { late: { staleness, ...delays } as { readonly staleness: number } & Partial<TickDelays> }),
    shards,
    batchesPerSecond,
    samplesPerSecond: batchesPerSecond === null ? null : batchesPerSecond * batch,
    processorSeconds: predicted?.processorSeconds ?? null,
    work: predicted?.work ?? null,
    epoch: epoch ?? null,
    limit: predicted?.limit ?? 'not known',
    alone: alone ? { ...alone, samplesPerSecond: alone.batchesPerSecond * batch } : null,
    borders: problem === undefined ? placedBorders(divided, owners, trainers) : [],
    linksUnknown: unknownLinks(used),
    shared: used.filter((t) => t.work && t.work.length > 0).map((t) => t.name),
    missing: missingOf(problem, used, run !== undefined),
  };
}

function placementText(model: string, training: PlanTraining, said: SaidBy, figures: Figures): string {
  const { shards, samplesPerSecond, batchesPerSecond, epoch, limit, alone, borders, linksUnknown, shared, missing } =
    figures;
  const { task, rule, microbatches = 1, ahead = 0, batch } = training;
  const sent = figures.codec === undefined ? '' : `, ${figures.codec} on borders`;
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
  const schedule = scheduleOfTraining(training);
  const { size, last } = microbatchSizes(batch, microbatches);
  const smaller = last < size ? `, the last of ${last}` : '';
  const parts = microbatches > 1 ? `, ${microbatches} microbatches of ${size}${smaller}` : '';
  const begun = ahead > 0 ? ', the next batch begun on predicted weights' : '';
  const by = [
    ...new Set([said.shards, said.schedule, said.microbatches, said.ahead].filter((who) => who !== undefined)),
  ].join(', ');
  return (
    printed`${model} ${task} (${rule}), ${schedule}${parts}${begun}${sent} (${by})\n` +
    `${rows.join('\n')}\n` +
    printed`rate     ${rate}\n` +
    lateText(figures.late, training, said) +
    epochText(epoch) +
    printed`limit    ${limit}\n` +
    aloneText(alone, samplesPerSecond) +
    bordersText(borders) +
    linksText(linksUnknown) +
    sharedText(shared) +
    printed`missing  ${missing.join('; ') || 'nothing'}\n`
  );
}

function lateText(
  late: Figures['late'],
  { ticks: steps }: PlanTraining,
  { staleness: by = 'the default' }: SaidBy,
): string {
  if (!late) return '';
  const { staleness, tick, way } = late;
  const delays = tick === undefined || way === undefined ? undefined : { tick, way };
  return printed`late     values of others ${staleText({ staleness, steps }, by, delays)}\n`;
}

function epochText(epoch: Figures['epoch']): string {
  if (!epoch) return '';
  const { seconds, samplesPerSecond, snapshots, snapshotSeconds, evaluationSeconds } = epoch;
  const parts = [
    `${formatDuration(snapshotSeconds)} for ${snapshots} snapshot${snapshots === 1 ? '' : 's'}`,
    ...(evaluationSeconds > 0 ? [`${formatDuration(evaluationSeconds)} for its checks`] : []),
  ];
  return `epoch    ${formatDuration(seconds)}, of it ${parts.join(', ')}: ${samplesPerSecond.toFixed(0)} samples/s\n`;
}

function missingOf(problem: string | undefined, used: readonly RatedTrainer[], hasData: boolean): string[] {
  const unmeasured = used.filter((t) => t.capability.rate <= 0);
  const names = unmeasured.map((t) => t.name).join(', ');
  return [
    ...(problem === undefined ? [] : [problem]),
    ...(unmeasured.length > 0 ? [`${names} has not measured what it can do yet`] : []),
    ...(hasData ? [] : ['the data, of which memory counts one batch']),
  ];
}

/** Names of trainers whose links are not measured, where borders go over them. */
function unknownLinks(used: readonly RatedTrainer[]): string[] {
  const places = new Set(used.map((t) => placeOf(t.capability)));
  return places.size > 1 ? used.filter((t) => t.link === undefined).map((t) => t.name) : [];
}

function linksText(unknown: readonly string[]): string {
  return unknown.length === 0
    ? ''
    : printed`links    not measured yet, and counted as endless: ${unknown.join(', ')}\n`;
}

/** Trainers that work for other runs now: what is said holds where those are over. */
function sharedText(names: readonly string[]): string {
  return names.length === 0 ? '' : printed`shared   counted as if they did nothing else: ${names.join(', ')}\n`;
}

/** The rate of one trainer by itself, and what follows where that is more. */
function aloneText(
  alone: { readonly trainer: string; readonly shards: number; readonly samplesPerSecond: number } | null,
  together: number | null,
): string {
  if (!alone) return '';
  const { trainer, shards, samplesPerSecond } = alone;
  const one = shards === 1;
  const cut = one ? 'one shard' : `${shards} shards`;
  const line = printed`alone    ${samplesPerSecond.toFixed(0)} samples/s on ${trainer} in ${cut}`;
  if (samplesPerSecond <= FASTER * (together ?? samplesPerSecond)) return `${line}\n`;
  return printed`${line}: ${one ? '--partition 1' : `--on ${trainer}`} is faster\n`;
}

/** A prediction tells no smaller difference. */
const FASTER = 1.1;

export function ratedShards({ programs, schedules }: VerifiedPlan): RatedShard[] {
  return programs.flatMap((program, i) => {
    const schedule = schedules[i];
    return schedule ? [rated({ program, schedule })] : [];
  });
}
