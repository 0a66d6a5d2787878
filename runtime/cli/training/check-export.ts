/** Runs an exported predictor in ONNX Runtime and on the reference device, with the same inputs. */
import * as ort from 'onnxruntime-node';
import { drawnValues } from '../../../compiler/5-program/open-draws.ts';
import { STEP_INPUT } from '../../../compiler/5-program/stateless.ts';
import type { Exported } from '../../../compiler/7-kernels/onnx/export.ts';
import type { OnnxPort } from '../../../compiler/7-kernels/onnx/model.ts';
import type { PlanPrediction } from '../../../spec/plan.ts';
import { type Program, type State, sizeOf } from '../../../spec/program.ts';
import { stream } from '../../../spec/random.ts';
import { reasonOf } from '../../../spec/reason-of.ts';
import { type FieldData, fieldArrays, type Tensor } from '../../device/device.ts';
import type { Shard } from '../../shard/shard.ts';
import { smallestFor } from '../../shard/sizes.ts';
import { EnvironmentError } from '../../support/errors.ts';

/** The predictions that an exported model is held against, on the reference device. */
export interface ExportedFrom {
  readonly program: Program;
  readonly prediction: PlanPrediction;
  readonly shard: Shard;
  /** As the shard began: noise among it. */
  readonly values: (state: State) => Float32Array;
}

/** Numbers of samples with which a model for any number is checked, besides that of the plan. */
const CHECKED = [1, 3];
/** Samples of the reference device, which interprets: where it has no smaller batch, those of the plan. */
const REFERENCE = 8;
/** Steps of a sequence: one that begins with memory, and one that the first does not reach. */
const MAX_STEPS = 3;

interface Step {
  readonly inputs: Readonly<Record<string, FieldData>>;
  readonly expected: Readonly<Record<string, Tensor>>;
}

/**
 * @returns the largest difference of any result but positions (which may tie), relative to the largest value; NaN where
 *   one has a number and the other has none
 * @throws EnvironmentError `export/refused` where ONNX Runtime does not take it
 */
export async function checkExport(bytes: Uint8Array, exported: Exported, from: ExportedFrom): Promise<number> {
  const steps = await runReference(from);
  const { batch } = exported;
  let largest = 0;
  try {
    const session = await ort.InferenceSession.create(bytes);
    for (const count of batch === 'any' ? [...CHECKED, from.prediction.batch] : [batch]) {
      const difference = await checkSize(session, count, steps, exported, from);
      largest = Number.isNaN(difference) ? difference : Math.max(largest, difference);
    }
    await session.release();
  } catch (error) {
    const said = reasonOf(error);
    throw new EnvironmentError(
      'export/refused',
      `ONNX Runtime does not run the exported model: ${said.slice(0, 300)}`,
      'please report this model',
    );
  }
  return largest;
}

/** Inputs of some steps, and what becomes of them. */
async function runReference({ program, prediction, shard }: ExportedFrom): Promise<Step[]> {
  const f = program.functions.find((g) => g.name === prediction.function);
  if (!f) throw new Error(`no function ${prediction.function}`);
  const { sequence } = prediction;
  const steps: Step[] = [];
  const sized = smallestFor(shard.sizes, prediction, REFERENCE);
  for (let step = 0; step < Math.min(sequence ?? 1, MAX_STEPS); step++) {
    const inputs: Record<string, FieldData> = {};
    for (const { field, type, shape } of f.inputs) {
      const rng = stream(1, `export/${field}/${step}`);
      const data = new fieldArrays[type]((sizeOf(shape) / prediction.batch) * sized.batch);
      for (let i = 0; i < data.length; i++) data[i] = type === 'f32' ? rng.normal(i) : Math.floor(rng.uniform(i) * 256);
      inputs[field] = data;
    }
    const position = { batch: 0, batches: 1, ...(sequence === undefined ? {} : { step }) };
    steps.push({ inputs, expected: await shard.run(sized.function, inputs, position) });
  }
  return steps;
}

async function checkSize(
  session: ort.InferenceSession,
  count: number,
  steps: readonly Step[],
  { inputs, outputOf, kept }: Exported,
  { prediction, shard, values }: ExportedFrom,
): Promise<number> {
  const all = smallestFor(shard.sizes, prediction, REFERENCE).batch;
  const dimsOf = ({ shape }: OnnxPort): number[] => shape.map((n) => (typeof n === 'number' ? n : count));
  const remembered = new Map<string, ArrayLike<number>>();
  for (const port of inputs) {
    const found = kept.find(({ input }) => input === port.name);
    if (!found) continue;
    const { output, state, member = 0 } = found;
    if (!state) continue;
    const size = values(state).length / (state.members?.length ?? 1);
    const drawn = values(state).subarray(member * size, member * size + (size / prediction.batch) * all);
    remembered.set(
      port.name,
      output === undefined ? rowsOf(drawn, all, count) : new Float32Array(sizeOf(dimsOf(port))),
    );
  }
  let largest = 0;
  for (const [step, { inputs: given, expected }] of steps.entries()) {
    const feeds: Record<string, ort.Tensor> = {};
    for (const port of inputs) {
      const { name, type } = port;
      const draw = kept.find(({ input }) => input === name)?.draw;
      const own = draw ? rowsOf(drawnValues(draw, step, all), all, count) : remembered.get(name);
      const data = own ?? (name === STEP_INPUT ? [step] : rowsOf(given[name] ?? [], all, count));
      feeds[name] = tensorOf(type, data, dimsOf(port));
    }
    const found = await session.run(feeds);
    for (const { input, output } of kept)
      if (output !== undefined) remembered.set(input, found[output]?.data as Float32Array);
    for (const [name, wanted] of Object.entries(expected)) {
      if (prediction.reads.some((r) => r.name === name && r.scores)) continue;
      const got = found[outputOf.get(name) ?? '']?.data as Float32Array;
      const difference = differenceOf(got, rowsOf(wanted, all, count));
      if (Number.isNaN(difference)) return difference;
      largest = Math.max(largest, difference);
    }
  }
  return largest;
}

/** So many samples of the `all` that there are, from the first on and around again. */
function rowsOf(data: ArrayLike<number>, all: number, count: number): ArrayLike<number> {
  if (count === all) return data;
  const size = data.length / all;
  return Float64Array.from({ length: count * size }, (_, i) => data[i % data.length] as number);
}

function tensorOf(type: string, data: ArrayLike<number>, dims: readonly number[]): ort.Tensor {
  if (type === 'uint8') return new ort.Tensor('uint8', Uint8Array.from(data), dims);
  if (type === 'int32') return new ort.Tensor('int32', Int32Array.from(data), dims);
  return new ort.Tensor('float32', Float32Array.from(data), dims);
}

function differenceOf(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let scale = 1;
  for (let i = 0; i < wanted.length; i++)
    if (Number.isFinite(wanted[i])) scale = Math.max(scale, Math.abs(wanted[i] as number));
  let largest = got.length === wanted.length ? 0 : Number.NaN;
  for (let i = 0; i < wanted.length; i++) {
    // Where the mathematics has no number, neither has.
    if (Object.is(got[i], wanted[i])) continue;
    const difference = Math.abs((got[i] as number) - (wanted[i] as number)) / scale;
    if (Number.isNaN(difference)) return difference;
    largest = Math.max(largest, difference);
  }
  return largest;
}
