/** The data of one shard: only the columns that its senses and labels read, as blobs named in the deployment. */

import { metricCalled } from '../../spec/metrics.ts';
import { comparedNames, energyNode, TRAIN } from '../../spec/names.ts';
import { isPictureShape, movePictures } from '../../spec/picture-moves.ts';
import type { PictureMoves, PlanField } from '../../spec/plan.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import { allocate, type Column, type Dataset, type Field, findField, memoryDataset, sizeOf } from '../data/dataset.ts';
import { batchOrder } from '../data/order.ts';
import { type FieldData, fieldArrays } from '../device/device.ts';
import { boundedCount, listOf, zeroed } from '../support/bounded.ts';
import { batchesOf, type Call } from '../training/calls.ts';
import { elementOf, inputsOfStep } from '../training/steps.ts';
import { type ColumnRef, type DataRef, type Deployment, ELEMENT_BYTES, type ShardNeeds } from '../wire/deployment.ts';
import { Ahead } from './bring-ahead.ts';
import { DiskColumn, isHeld, type PartsPort, withDisk } from './disk-columns.ts';

export interface ShardData {
  /**
   * Brings what a call reads of columns that are too large for memory, and begins to bring what the next ones read.
   * @returns nothing where all of it is here
   */
  ready(call: Call): Promise<void> | undefined;
  /** One whole batch of each field of the call that the shard reads; of a step of a sequence its elements. */
  inputs(call: Call): Record<string, FieldData>;
  /** The right answers of an evaluation's call, where this shard compares them; cut to the samples that are there. */
  answers(call: EvaluationCall): FieldData;
}

type EvaluationCall = Extract<Call, { readonly kind: 'evaluate' }>;

/** Brings a blob. @param most bytes that were agreed */
export type BlobSource = (hash: string, most: number) => Promise<Uint8Array>;

export async function openShardData(
  deployment: Deployment,
  schedule: ShardSchedule,
  blob: BlobSource,
  parts?: PartsPort,
): Promise<ShardData> {
  const reads = readsOf(schedule, deployment.evaluations);
  const trainFields = inputsOf(schedule, TRAIN);
  const onDisk = (ref: DataRef, names: readonly string[]): ReadonlyMap<string, DiskColumn> =>
    new Map(
      ref.columns
        .filter((c) => parts && names.includes(c.name) && !isHeld(c, parts.held))
        .map((c) => [c.name, new DiskColumn(ref, c, parts as PartsPort)] as const),
    );
  const open = async (
    ref: DataRef,
    names: readonly string[],
    disk: ReadonlyMap<string, DiskColumn>,
  ): Promise<Dataset> =>
    withDisk(
      await datasetOf(
        ref,
        names.filter((name) => !disk.has(name)),
        blob,
      ),
      disk,
    );
  const trainDisk = onDisk(deployment.train, reads.train);
  const checkDisks = deployment.checks.map((ref, i) => onDisk(ref, reads.checks[i] ?? []));
  const train = await open(deployment.train, reads.train, trainDisk);
  const checks = await Promise.all(
    deployment.checks.map((ref, i) => open(ref, reads.checks[i] ?? [], checkDisks[i] ?? new Map())),
  );
  const order = orderOf(deployment);
  const ahead = new Ahead((epoch, batch) => bringAll(trainDisk, order(epoch, batch)), batchesOf(deployment));
  const range = (evaluation: number, batch: number): number[] => {
    const size = deployment.evaluations[evaluation]?.batch ?? 1;
    const length = deployment.checks[evaluation]?.length ?? 0;
    const rows = Math.max(0, Math.min(size, length - batch * size));
    return listOf(boundedCount(rows, length, 'rows of a batch'), (i) => batch * size + i);
  };
  return {
    ready(call) {
      if (call.kind !== TRAIN) {
        const disk = checkDisks[call.evaluation] ?? new Map();
        return disk.size > 0 ? bringAll(disk, range(call.evaluation, call.batch)) : undefined;
      }
      return trainDisk.size > 0 ? ahead.bring(call.epoch, call.batch) : undefined;
    },
    inputs(call) {
      if (call.kind === TRAIN) {
        const rows = order(call.epoch, call.batch);
        const fed = gathered(train, trainFields, rows);
        const at = { seed: deployment.seed, epoch: call.epoch };
        movePicturesOf(fed, train.fields, rows, deployment.train.moved, at);
        return ofStep(fed, deployment.train, call.step, deployment.sequence);
      }
      const { function: name = '', batch: size = 1, sequence } = deployment.evaluations[call.evaluation] ?? {};
      const rows = range(call.evaluation, call.batch);
      // An incomplete last batch is filled up with its own first sample.
      while (rows.length < size) rows.push(rows[0] ?? 0);
      const fed = gathered(checks[call.evaluation] as Dataset, inputsOf(schedule, name), rows);
      return ofStep(fed, deployment.checks[call.evaluation] as DataRef, call.step, sequence);
    },
    answers({ evaluation, batch, step }) {
      const { field = '', sequence = 1 } = deployment.evaluations[evaluation] ?? {};
      const rows = range(evaluation, batch);
      const all = gathered(checks[evaluation] as Dataset, [field], rows)[field] as FieldData;
      // What is read of a step is compared with the answer of that step.
      return step === undefined ? all : elementOf(all, rows.length, sequence, step);
    },
  };
}

async function bringAll(disk: ReadonlyMap<string, DiskColumn>, rows: ArrayLike<number>): Promise<void> {
  for (const column of disk.values()) await column.bring(rows);
}

/** What `feedBatches` does to a batch. */
function movePicturesOf(
  fed: Readonly<Record<string, FieldData>>,
  fields: readonly Field[],
  rows: ArrayLike<number>,
  moves: PictureMoves | undefined,
  at: { readonly seed: number; readonly epoch: number },
): void {
  if (!moves) return;
  for (const { name, shape } of fields) {
    const values = fed[name];
    if (values && isPictureShape(shape)) movePictures(values, shape, rows, moves, at);
  }
}

/** The elements of one step, of the columns that have elements. */
function ofStep(
  fed: Record<string, FieldData>,
  { columns }: DataRef,
  step: number | undefined,
  sequence = 1,
): Record<string, FieldData> {
  if (step === undefined) return fed;
  const stepped = columns.filter(({ name }) => fed[name] !== undefined);
  return inputsOfStep(stepped.map(perStep), fed, step, sequence);
}

/** A column's shape has the axis of steps in front, a field's is that of one element. */
function perStep({ name, type, shape, steps }: ColumnRef): PlanField {
  return steps === undefined ? { name, type, shape } : { name, type, shape: shape.slice(1), steps };
}

function inputsOf(schedule: ShardSchedule, name: string): string[] {
  return schedule.functions.find((f) => f.name === name)?.inputs.map((i) => i.name) ?? [];
}

/** Columns that a shard reads: what it is fed, and the answers where it compares. */
export function readsOf(
  schedule: ShardSchedule,
  evaluations: Deployment['evaluations'],
): NonNullable<ShardNeeds['reads']> {
  return {
    train: inputsOf(schedule, TRAIN),
    checks: evaluations.map(({ function: name, read, field }) => [
      ...new Set([...inputsOf(schedule, name), ...(givesRead(schedule, name, read) ? [field] : [])]),
    ]),
  };
}

/** Names of the sums that a shard reports: energies of its nodes, and of evaluations whose read it gives. */
export function totalsOf(schedule: ShardSchedule, evaluations: Deployment['evaluations']): string[] {
  const results = schedule.functions.find((f) => f.name === TRAIN)?.results.map((r) => r.name) ?? [];
  return [
    ...results.filter((name) => energyNode(name) !== undefined),
    ...evaluations.flatMap(({ function: name, read, metric }, i) => {
      const { sum, count, of } = comparedNames(i);
      if (!givesRead(schedule, name, read)) return [];
      return metricCalled(metric)?.ofSome ? [sum, count, of] : [sum, count];
    }),
  ];
}

export function givesRead(schedule: ShardSchedule, name: string, read: string): boolean {
  return schedule.functions.find((f) => f.name === name)?.results.some((r) => r.name === read) ?? false;
}

/** Rows of a training batch; the order of one epoch is kept. */
function orderOf(deployment: Deployment): (epoch: number, batch: number) => ArrayLike<number> {
  let known: { readonly epoch: number; readonly rows: (batch: number) => Uint32Array } | undefined;
  return (epoch, batch) => {
    if (batch >= batchesOf(deployment)) throw new RangeError(`batch ${batch} of epoch ${epoch}`);
    if (known?.epoch !== epoch) {
      const { seed, batch: size } = deployment;
      const order = batchOrder({ seed, epoch, length: deployment.train.length, batch: size, dropLast: true });
      known = { epoch, rows: (b) => order.indices(b) };
    }
    return known.rows(batch);
  };
}

function gathered(dataset: Dataset, names: readonly string[], rows: ArrayLike<number>): Record<string, FieldData> {
  return Object.fromEntries(
    names.map((name) => {
      const field = findField(dataset, name);
      const out = allocate(field, rows.length);
      dataset.gather(name, rows, out);
      return [name, out];
    }),
  );
}

export async function datasetOf(ref: DataRef, names: readonly string[], blob: BlobSource): Promise<Dataset> {
  const columns: Column[] = [];
  for (const name of new Set(names)) {
    const found = ref.columns.find((c) => c.name === name);
    if (!found) throw new Error(`the deployment has no column ${name} of ${ref.name}`);
    const field = { name, type: found.type, shape: found.shape };
    const what = `elements of column ${name} of ${ref.name}`;
    const data = zeroed(fieldArrays[found.type], boundedCount(ref.length * sizeOf(field), elementsIn(found), what));
    const bytes = new Uint8Array(data.buffer);
    let at = 0;
    for (const part of found.blobs) {
      const piece = await blob(part.blob, part.bytes);
      if (at + piece.length > bytes.length) throw new Error(`column ${name} of ${ref.name} is longer than its rows`);
      bytes.set(piece, at);
      at += piece.length;
    }
    if (at !== bytes.length) throw new Error(`column ${name} of ${ref.name} is shorter than its rows`);
    columns.push({ field, data });
  }
  return memoryDataset(ref.name, ref.name, columns);
}

/** As many as its blobs hold: what was agreed, and counted, before room is made. */
function elementsIn({ type, blobs }: ColumnRef): number {
  return blobs.reduce((sum, b) => sum + b.bytes, 0) / ELEMENT_BYTES[type];
}
