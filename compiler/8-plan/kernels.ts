/** Adds the kernels of a GPU to a plan of one shard. */
import { KERNEL_LIST } from '../../spec/kernels.ts';
import type { BuiltPlan } from './build.ts';
import { sha256 } from './canonical.ts';

/** @param kernels by path: the list of dispatches, and every module */
export function withKernels(built: BuiltPlan, kernels: ReadonlyMap<string, Uint8Array>): BuiltPlan {
  const [shard, ...others] = built.plan.shards;
  if (!shard || others.length > 0)
    throw new Error('the kernels of several shards are made on the machines that run them');
  const paths = [KERNEL_LIST, ...[...kernels.keys()].filter((path) => path !== KERNEL_LIST)];
  const listed = [...kernels].map(([path, bytes]) => ({ path, sha256: sha256(bytes), bytes: bytes.length }));
  return {
    ...built,
    plan: { ...built.plan, shards: [{ ...shard, kernels: paths }], files: [...built.plan.files, ...listed] },
    files: new Map([...built.files, ...kernels]),
  };
}
