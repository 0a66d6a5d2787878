/** A deployment from a plan and its data: everything in blobs, and the record that names them. */
import { randomBytes } from 'node:crypto';
import type { Plan, PlanCheck, PlanTraining } from '../../spec/plan.ts';
import { allocate, type Dataset, findField, sizeOf } from '../data/dataset.ts';
import type { Standardization } from '../data/statistics.ts';
import type { VerifiedPlan } from '../plan/verify-plan.ts';
import type { TrainingData } from '../shard/trainable.ts';
import { boundedCount, MAX_ELEMENTS, rowNumbers } from '../support/bounded.ts';
import { predictionOf } from '../training/evaluations.ts';
import type { BlobRef, ColumnRef, DataRef, Deployment, Evaluation } from '../wire/deployment.ts';
import { hex, sha256 } from '../wire/hash.ts';
import { readsOf, totalsOf } from './shard-data.ts';
import { planNeeds, shardNeeds, sumOfNeeds } from './shard-memory.ts';

export interface DeploymentSource {
  readonly verified: Pick<VerifiedPlan, 'plan' | 'programs' | 'schedules' | 'files'>;
  readonly training: PlanTraining;
  readonly data: TrainingData;
  readonly statistics: ReadonlyMap<string, Standardization>;
  readonly epochs: number;
  readonly seed: number;
  readonly snapshotEvery: number | undefined;
  readonly codec: 'f32' | 'f16';
  readonly source: Deployment['source'];
}

export interface MadeDeployment {
  readonly deployment: Deployment;
  /** By hash. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/** Of one piece of a column. */
const PIECE_BYTES = 4 * 1024 * 1024;
const SNAPSHOT_BATCHES = 100;

export function makeDeployment(source: DeploymentSource): MadeDeployment {
  const { verified, training, data, epochs, seed, codec } = source;
  const { plan, schedules, files } = verified;
  const blobs = new Map<string, Uint8Array>();
  const blobOf = (bytes: Uint8Array): BlobRef => {
    const blob = hex(sha256(bytes));
    blobs.set(blob, bytes);
    return { blob, bytes: bytes.length };
  };
  const planFirst = [...files].sort(
    ([a], [b]) => Number(b === 'plan.json') - Number(a === 'plan.json') || (a < b ? -1 : 1),
  );
  const batches = Math.floor(data.train.length / training.batch);
  const evaluations = plan.checks.map((check) => evaluationOf(plan, check));
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
    needs: plan.shards.map((s, i) => {
      const schedule = scheduleOf(schedules, i);
      return {
        memory: s.memory,
        flops: s.flopsPerBatch,
        bytes: 0,
        reads: readsOf(schedule, evaluations),
        totals: totalsOf(schedule, evaluations),
      };
    }),
    train: dataRef(
      data.train,
      training.inputs.map((f) => f.name),
      blobOf,
    ),
    checks: plan.checks.map((check, i) => {
      const inputs = predictionOf(plan, check)?.inputs.map((f) => f.name) ?? [];
      return dataRef(data.checks[i] as Dataset, [...inputs, check.field], blobOf);
    }),
    statistics: [...source.statistics].map(([field, { mean, scale }]) => ({
      field,
      mean: blobOf(bytesOf(mean)),
      scale,
    })),
    batch: training.batch,
    evaluations,
    epochs,
    seed,
    snapshotEvery: source.snapshotEvery ?? Math.max(1, Math.min(SNAPSHOT_BATCHES, batches)),
    schedule: (training.microbatches ?? 1) > 1 ? 'pipelined' : 'lockstep',
    microbatches: training.microbatches ?? 1,
    ...(training.ahead === undefined ? {} : { ahead: training.ahead }),
    codec,
    source: source.source,
  };
  return { deployment: { ...deployment, needs: countedNeeds(deployment, verified) }, blobs };
}

/** With everything that a trainer counts, so that no shard is placed where it would be refused. */
function countedNeeds(
  deployment: Deployment,
  { programs, schedules }: DeploymentSource['verified'],
): Deployment['needs'] {
  const shared = sumOfNeeds(planNeeds(deployment));
  return deployment.needs.map((need, i) => {
    const own = shardNeeds(deployment, scheduleOf(schedules, i), programs[i]?.states ?? [], need.memory);
    return { ...need, memory: shared + sumOfNeeds(own) };
  });
}

function evaluationOf(plan: Plan, check: PlanCheck): Evaluation {
  const prediction = predictionOf(plan, check);
  const { text, metric, comparison, bound, read, field } = check;
  return {
    check: text,
    metric,
    comparison,
    bound,
    read,
    field,
    function: prediction?.function ?? '',
    batch: prediction?.batch ?? 1,
  };
}

function scheduleOf(schedules: VerifiedPlan['schedules'], shard: number): VerifiedPlan['schedules'][number] {
  const schedule = schedules[shard];
  if (!schedule) throw new Error(`the plan has no schedule of shard ${shard}`);
  return schedule;
}

function dataRef(dataset: Dataset, names: readonly string[], blobOf: (bytes: Uint8Array) => BlobRef): DataRef {
  const rows = rowNumbers(boundedCount(dataset.length, MAX_ELEMENTS, dataset.name));
  const columns = [...new Set(names)].map((name): ColumnRef => {
    const field = findField(dataset, name);
    const values = allocate(field, dataset.length);
    dataset.gather(name, rows, values);
    const bytes = bytesOf(values);
    const piece =
      Math.max(1, Math.floor(PIECE_BYTES / Math.max(1, sizeOf(field) * values.BYTES_PER_ELEMENT))) *
      sizeOf(field) *
      values.BYTES_PER_ELEMENT;
    const blobs: BlobRef[] = [];
    for (let at = 0; at < bytes.length; at += piece) blobs.push(blobOf(bytes.subarray(at, at + piece)));
    return { name, type: field.type, shape: field.shape, blobs };
  });
  return { name: dataset.name, length: dataset.length, columns };
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
