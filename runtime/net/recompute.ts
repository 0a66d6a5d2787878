/** The checks of a run from the weights of a manifest, on one device. */
import type { Plan } from '../../spec/plan.ts';
import type { Device } from '../device/device.ts';
import { measure } from '../shard/evaluate.ts';
import { openShards, type ShardSource } from '../shard/shards.ts';
import type { NamedTensor } from '../store/safetensors.ts';
import { finiteOrNull } from '../training/metrics.ts';
import type { CheckRequest } from './checker.ts';
import { type BlobSource, datasetOf } from './shard-data.ts';
import { decodeState } from './shard-state.ts';

/** So much a part of a snapshot may be longer than the states that it holds. */
const MAX_HEAD_BYTES = 1024 * 1024;

/** @returns values in the order of the deployment's evaluations */
export async function recompute(
  { deployment, parts }: CheckRequest,
  plan: Plan,
  sources: readonly ShardSource[],
  device: Device,
  blob: BlobSource,
): Promise<(number | null)[]> {
  const tensors: NamedTensor[] = [];
  for (const [i, part] of parts.entries()) {
    // Twice, as a device may keep its states in f64.
    const { parameters, auxiliary } = decodeState(await blob(part, 2 * (plan.shards[i]?.memory ?? 0) + MAX_HEAD_BYTES));
    tensors.push(...parameters, ...auxiliary);
  }
  const shard = await openShards(device, sources, () => ({ tensors }));
  try {
    const values: (number | null)[] = [];
    for (const [i, evaluation] of deployment.evaluations.entries()) {
      const prediction = plan.predictions.find((p) => p.function === evaluation.function);
      const data = deployment.checks[i];
      if (!prediction || !data) throw new Error(`the plan cannot measure ${evaluation.check}`);
      const names = [...prediction.inputs.map((f) => f.name), evaluation.field];
      values.push(finiteOrNull(await measure(shard, prediction, evaluation, await datasetOf(data, names, blob))));
    }
    return values;
  } finally {
    await shard.close();
  }
}
