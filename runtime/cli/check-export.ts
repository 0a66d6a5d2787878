/** Runs an exported predictor in ONNX Runtime and on the reference device, with the same inputs. */
import * as ort from 'onnxruntime-node';
import type { PlanPrediction } from '../../spec/plan.ts';
import { type Program, sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { type FieldData, fieldArrays } from '../device/device.ts';
import type { Shard } from '../shard/shard.ts';

/** @returns the largest difference of any result but positions (which may tie), relative to the largest value */
export async function checkExport(
  bytes: Uint8Array,
  program: Program,
  prediction: PlanPrediction,
  shard: Shard,
): Promise<number> {
  const f = program.functions.find((g) => g.name === prediction.function);
  if (!f) throw new Error(`no function ${prediction.function}`);
  const inputs: Record<string, FieldData> = {};
  const feeds: Record<string, ort.Tensor> = {};
  for (const input of f.inputs) {
    const random = stream(1, `export/${input.field}`);
    const data = new fieldArrays[input.type](sizeOf(input.shape));
    for (let i = 0; i < data.length; i++)
      data[i] = input.type === 'f32' ? random.normal(i) : Math.floor(random.uniform(i) * 256);
    inputs[input.field] = data;
    feeds[input.field] = new ort.Tensor(
      ({ u8: 'uint8', i32: 'int32', f32: 'float32' } as const)[input.type],
      data,
      input.shape,
    );
  }
  const session = await ort.InferenceSession.create(bytes);
  const found = await session.run(feeds);
  const expected = await shard.run(prediction.function, inputs, { batch: 0, batches: 1 });
  let largest = 0;
  for (const [name, values] of Object.entries(expected)) {
    if (prediction.reads.some((r) => r.name === name && r.scores)) continue;
    const got = found[name]?.data as Float32Array;
    const scale = Math.max(1, ...Array.from(values, Math.abs));
    for (let i = 0; i < values.length; i++)
      largest = Math.max(largest, Math.abs((got[i] as number) - (values[i] as number)) / scale);
  }
  await session.release();
  return largest;
}
