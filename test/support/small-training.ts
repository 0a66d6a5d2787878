/** Trains a program for a few batches on numbers made of a seed: the same in Node and in a page. */
import { type Device, type Executable, type FieldData, fieldArrays, type Tensor } from '../../runtime/device/device.ts';
import { openShard } from '../../runtime/shard/shard.ts';
import { type ProgramFunction, sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';

export interface SmallTraining {
  /** Every result of every batch, by name and number of the batch. */
  readonly results: Readonly<Record<string, readonly number[]>>;
  /** All weights behind the last batch, one after the other. */
  readonly weights: readonly number[];
}

const SEED = 3;

/** Normal numbers for fields of f32, small whole ones for the others. */
export function fieldNumbers(f: ProgramFunction, seed: number): Record<string, FieldData> {
  const inputs: Record<string, FieldData> = {};
  for (const { field, type, shape } of f.inputs) {
    const rng = stream(seed, `input/${field}`);
    const data = new fieldArrays[type](sizeOf(shape));
    for (let i = 0; i < data.length; i++)
      data[i] = type === 'f32' ? rng.normal(i) : Math.abs(Math.round(4 * rng.normal(i)));
    inputs[field] = data;
  }
  return inputs;
}

export async function trainSmall(device: Device, executable: Executable, batches: number): Promise<SmallTraining> {
  const { program } = executable;
  const train = program.functions.find((f) => f.name === 'train');
  if (!train) throw new Error(`${program.name} trains nothing`);
  const fields = program.states.flatMap(({ init, shape }) =>
    init.kind === 'statistic' && init.what === 'mean' ? [[init.field, sizeOf(shape)] as const] : [],
  );
  const statistics = new Map(
    fields.map(([field, size]) => [field, { mean: new Float32Array(size).fill(2), scale: 1.5 }]),
  );
  const shard = await openShard(device, executable, () => ({ seed: SEED, statistics }), 'train');
  const results: Record<string, number[]> = {};
  for (let batch = 0; batch < batches; batch++) {
    const found: Record<string, Tensor> = await shard.run('train', fieldNumbers(train, batch), { batch, batches });
    for (const [name, values] of Object.entries(found)) results[`${name} of batch ${batch}`] = [...values];
  }
  const { parameters } = await shard.save();
  await shard.close();
  return { results, weights: parameters.flatMap(({ data }) => [...(data as Tensor)]) };
}
