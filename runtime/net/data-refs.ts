/** The data of a training as a deployment names them: their columns in pieces, which are made when they are asked for. */
import type { Plan, PlanField, PlanTraining } from '../../spec/plan.ts';
import { allocate, type Dataset, type Field, findField, sizeOf } from '../data/dataset.ts';
import type { TrainingData } from '../shard/trainable.ts';
import { boundedCount, listOf, MAX_ELEMENTS, rowNumbers } from '../support/bounded.ts';
import { type Evaluation, evaluationsOf } from '../training/evaluations.ts';
import { evaluatedOn } from '../training/run.ts';
import type { BlobRef, ColumnRef, DataRef, Deployment } from '../wire/deployment.ts';

/** Of one piece of a column. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** Where pieces go. @param bytes that `make` will give */
export interface Pieces {
  add(make: () => Uint8Array, bytes: number): BlobRef;
}

/** Nowhere: how large they are is all that is asked. */
const SIZES_ALONE: Pieces = { add: (_make, bytes) => ({ blob: '', bytes }) };

/** The same without a look at what the data are: for counting alone. */
export function sizesOf(
  plan: Plan,
  training: PlanTraining,
  data: TrainingData,
): Pick<Deployment, 'train' | 'checks' | 'evaluations'> {
  return { ...dataRefs(plan, training, data, SIZES_ALONE), evaluations: evaluationsOf(plan) };
}

export function dataRefs(
  plan: Plan,
  { inputs }: PlanTraining,
  data: TrainingData,
  pieces: Pieces,
): Pick<Deployment, 'train' | 'checks'> {
  const evaluations = evaluationsOf(plan);
  return {
    train: dataRef(data.train, inputs, pieces),
    checks: evaluatedOn({ evaluations }, data).map((dataset, i) => {
      const { function: name, field } = evaluations[i] as Evaluation;
      const fed = plan.predictions.find((p) => p.function === name)?.inputs ?? [];
      return dataRef(dataset as Dataset, fed, pieces, field);
    }),
  };
}

/** @param inputs what is fed of it, @param answers a field that is compared, whole sequences of it */
function dataRef(dataset: Dataset, inputs: readonly PlanField[], pieces: Pieces, answers?: string): DataRef {
  const names = [...inputs.map((f) => f.name), ...(answers === undefined ? [] : [answers])];
  const columns = [...new Set(names)].map((name): ColumnRef => {
    const field = findField(dataset, name);
    const rows = rowsOfPiece(field);
    const count = boundedCount(Math.ceil(dataset.length / rows), MAX_ELEMENTS, `pieces of ${name}`);
    const blobs = listOf(count, (i) => {
      const held = Math.min(rows, dataset.length - i * rows);
      return pieces.add(() => rowsAt(dataset, name, i * rows, held), held * rowBytesOf(field));
    });
    const steps = inputs.find((f) => f.name === name)?.steps;
    return { name, type: field.type, shape: field.shape, ...(steps === undefined ? {} : { steps }), blobs };
  });
  return { name: dataset.name, length: dataset.length, columns, ...(dataset.moved ? { moved: dataset.moved } : {}) };
}

function rowsOfPiece(field: Field): number {
  return Math.max(1, Math.floor(PIECE_BYTES / Math.max(1, rowBytesOf(field))));
}

function rowBytesOf(field: Field): number {
  return sizeOf(field) * allocate(field, 0).BYTES_PER_ELEMENT;
}

/** Bytes of some rows of a field. */
function rowsAt(dataset: Dataset, name: string, from: number, rows: number): Uint8Array {
  const count = boundedCount(rows, MAX_ELEMENTS, dataset.name);
  const values = allocate(findField(dataset, name), count);
  dataset.gather(name, rowNumbers(count, from), values);
  return bytesOf(values);
}

export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
