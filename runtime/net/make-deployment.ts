/** A deployment from a plan and its data: everything in blobs, and the record that names them. */
import { randomBytes } from 'node:crypto';
import { TRAIN } from '../../spec/names.ts';
import type { PlanTraining } from '../../spec/plan.ts';
import type { ShardFunction, ShardSchedule } from '../../spec/schedule.ts';
import type { Standardization } from '../data/statistics.ts';
import type { VerifiedPlan } from '../plan/verify-plan.ts';
import type { TrainingData } from '../shard/trainable.ts';
import { batchesOf, usualSnapshots } from '../training/calls.ts';
import { runOf } from '../training/run.ts';
import { MAX_SEEN } from '../validation/border-watch.ts';
import { messageRanges } from '../validation/message-ranges.ts';
import type { BorderCodec } from '../wire/codec.ts';
import type { BlobRef, Deployment, ShardNeeds } from '../wire/deployment.ts';
import { bytesOf, dataRefs } from './data-refs.ts';
import { LazyBlobs } from './lazy-blobs.ts';
import { neededMemory, needingPlan } from './needed-memory.ts';
import { readsOf, totalsOf } from './shard-data.ts';

export interface DeploymentSource {
  readonly verified: Pick<VerifiedPlan, 'plan' | 'programs' | 'schedules' | 'files'>;
  readonly training: PlanTraining;
  readonly data: TrainingData;
  readonly statistics: ReadonlyMap<string, Standardization>;
  readonly epochs: number;
  readonly seed: number;
  readonly snapshotEvery: number | undefined;
  readonly codec: BorderCodec;
  readonly source: Deployment['source'];
  readonly trainedOn?: Deployment['trainedOn'];
  /** The costs of its shards, for their placement. */
  readonly placement?: {
    readonly needs: readonly Pick<ShardNeeds, 'work' | 'sends'>[];
    readonly pace: NonNullable<Deployment['pace']>;
  };
  readonly on?: readonly string[];
  readonly stretches?: NonNullable<Deployment['stretches']>;
  /** Frames are held to bounds that are learnt: of those whose records show to what. */
  readonly bounds?: boolean;
  /** Of `async`: as `Deployment.tick`. */
  readonly tick?: number | undefined;
}

export interface MadeDeployment {
  readonly deployment: Deployment;
  /** By hash. Each is made when it is asked for. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

export function makeDeployment(source: DeploymentSource): MadeDeployment {
  const { verified, training, data, epochs, seed, codec } = source;
  const { plan, schedules, files } = verified;
  const blobs = new LazyBlobs();
  const blobOf = (bytes: Uint8Array): BlobRef => blobs.add(() => bytes);
  const planFirst = [...files].sort(
    ([a], [b]) => Number(b === 'plan.json') - Number(a === 'plan.json') || (a < b ? -1 : 1),
  );
  const { evaluations, sequence, epsilon } = runOf(plan, training, data, epochs);
  const batches = batchesOf({ train: data.train, batch: training.batch });
  const remembering = rememberedBy(verified);
  const ranges = messageRanges(verified.programs, schedules);
  const deployment: Deployment = {
    run: `${
      plan.model
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-+/, '')
        .slice(0, 50) || 'run'
    }-${randomBytes(3).toString('hex')}`,
    model: plan.model,
    task: training.task,
    plan: planFirst.map(([path, bytes]) => ({ path, ...blobOf(bytes) })),
    shards: plan.shards.length,
    needs: plan.shards.map(({ memory, flopsPerBatch: flops }, i) => {
      const schedule = scheduleOf(schedules, i);
      return {
        ...{ memory, flops, bytes: 0 },
        ...source.placement?.needs[i],
        reads: readsOf(schedule, evaluations),
        totals: totalsOf(schedule, evaluations),
        ...rangesFor(schedule, ranges),
        ...(training.async ? { feeds: feedsOf(schedule) } : {}),
      };
    }),
    ...dataRefs(plan, training, data, blobs),
    statistics: [...source.statistics].map(([field, { mean, scale }]) => ({
      field,
      mean: blobOf(bytesOf(mean)),
      scale,
    })),
    ...(source.placement ? { pace: source.placement.pace } : {}),
    ...(source.on === undefined ? {} : { on: source.on }),
    batch: training.batch,
    ...(sequence === undefined ? {} : { sequence }),
    ...(epsilon === undefined ? {} : { epsilon }),
    ...(source.trainedOn === undefined ? {} : { trainedOn: source.trainedOn }),
    ...(data.train.vocabulary ? { vocabulary: blobOf(data.train.vocabulary.content) } : {}),
    evaluations: evaluations.map((e) => (remembering.has(e.function) ? { ...e, remembers: true } : e)),
    epochs,
    seed,
    snapshotEvery: source.snapshotEvery ?? usualSnapshots(batches),
    ...(source.stretches === undefined ? {} : { stretches: source.stretches }),
    // Of free ticks any frame may be the newest: what came of others is in no record.
    ...(source.bounds && source.stretches && !training.async ? { bounds: 'learnt' as const } : {}),
    schedule: scheduleOfTraining(training),
    ...(training.async ? { ...training.async } : {}),
    ...(training.async && source.tick !== undefined ? { tick: source.tick } : {}),
    microbatches: training.microbatches ?? 1,
    ...(training.ahead === undefined ? {} : { ahead: training.ahead }),
    codec,
    source: source.source,
  };
  // With everything that a trainer counts, so that no shard is placed where it would be refused.
  const { batch, stretches } = deployment;
  const memory = neededMemory({
    ...{ ...needingPlan(verified), batch, sends: deployment.needs, data: deployment },
    ...(stretches ? { stretches } : {}),
  });
  const needs = deployment.needs.map((need, i) => ({ ...need, memory: memory[i] ?? need.memory }));
  return { deployment: { ...deployment, needs }, blobs };
}

/** Functions that leave another state behind on any shard: they keep what was, for the next step of a sequence. */
function rememberedBy({ programs, schedules }: Pick<VerifiedPlan, 'programs' | 'schedules'>): ReadonlySet<string> {
  const names = programs.flatMap(({ states, functions }, i) => {
    const kept = new Set(states.filter((s) => s.role !== 'value' && s.role !== 'sum').map((s) => s.id));
    const changing = new Set(functions.filter((f) => f.updates.some((u) => kept.has(u.state))).map((f) => f.name));
    const runs = (f: ShardFunction): (string | undefined)[] =>
      [...f.stages, ...(f.after ?? [])].flatMap((stage) => stage.segments.map((s) => s.run));
    const changes = (f: ShardFunction): boolean => runs(f).some((run) => run !== undefined && changing.has(run));
    return schedules[i]?.functions.filter(changes).map((f) => f.name) ?? [];
  });
  return new Set(names);
}

/** Whose frames come before the ticks of a training. */
export function feedsOf({ functions, messages }: ShardSchedule): number[] {
  const stages = functions.find(({ name }) => name === TRAIN)?.stages ?? [];
  const ticks = stages.findIndex(({ repeat }) => repeat > 1);
  const before = stages.slice(0, Math.max(0, ticks)).flatMap(({ segments }) => segments.flatMap((s) => s.receive));
  return [...new Set(messages.filter(({ id }) => before.includes(id)).map(({ from }) => from))].sort((a, b) => a - b);
}

function rangesFor(
  { shard, messages }: ShardSchedule,
  known: ReturnType<typeof messageRanges>,
): Pick<ShardNeeds, 'ranges'> {
  const ranges = messages.flatMap(({ id, to }) => {
    const range = to === shard ? known.get(id) : undefined;
    if (!range) return [];
    const { low, high } = range;
    return [{ message: id, ...(Number.isFinite(low) ? { low } : {}), ...(Number.isFinite(high) ? { high } : {}) }];
  });
  // More are not watched.
  return ranges.length > 0 ? { ranges: ranges.slice(0, MAX_SEEN) } : {};
}

/** The name of the schedule that a plan is made for. */
export function scheduleOfTraining({
  async: free,
  microbatches = 1,
}: Pick<PlanTraining, 'async' | 'microbatches'>): Deployment['schedule'] {
  if (free) return 'async';
  return microbatches > 1 ? 'pipelined' : 'lockstep';
}

function scheduleOf(schedules: VerifiedPlan['schedules'], shard: number): VerifiedPlan['schedules'][number] {
  const schedule = schedules[shard];
  if (!schedule) throw new Error(`the plan has no schedule of shard ${shard}`);
  return schedule;
}
