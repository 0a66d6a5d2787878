/** The checks of a run from the weights of a manifest, on one device. */
import type { Plan } from '../../spec/plan.ts';
import type { Device } from '../device/device.ts';
import { measure } from '../shard/evaluate.ts';
import { openShards, type ShardSource } from '../shard/shards.ts';
import type { NamedTensor } from '../store/safetensors.ts';
import { predictionOf } from '../training/evaluations.ts';
import type { CheckRequest } from './checker.ts';
import { type BlobSource, datasetOf } from './shard-data.ts';
import { decodeState } from './shard-state.ts';

/** So much a part of a snapshot may be longer than the states that it holds. */
const MAX_HEAD_BYTES = 1024 * 1024;

/** @returns values in the order of the plan's checks */
export async function recompute(
  { deployment, parts }: CheckRequest,
  plan: Plan,
  sources: readonly ShardSource[],
  device: Device,
  blob: BlobSource,
): Promise<number[]> {
  const tensors: NamedTensor[] = [];
  for (const [i, part] of parts.entries()) {
    // Twice, as a device may keep its states in f64.
    const { parameters, auxiliary } = decodeState(await blob(part, 2 * (plan.shards[i]?.memory ?? 0) + MAX_HEAD_BYTES));
    tensors.push(...parameters, ...auxiliary);
  }
  const shard = await openShards(device, sources, () => ({ tensors }));
  try {
    const values: number[] = [];
    for (const [i, check] of plan.checks.entries()) {
      const prediction = predictionOf(plan, check);
      const data = deployment.checks[i];
      if (!prediction || !data) throw new Error(`the plan cannot measure ${check.text}`);
      const names = [...prediction.inputs.map((f) => f.name), check.field];
      values.push(await measure(shard, prediction, check, await datasetOf(data, names, blob)));
    }
    return values;
  } finally {
    await shard.close();
  }
}
