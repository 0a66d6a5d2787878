/** A run for simulations: shards in a chain, so many calls an epoch, no data. */
import type { Deployment } from '../../runtime/wire/deployment.ts';

export function chain(shards: number, batches: number, epochs: number, snapshotEvery: number): Deployment {
  const data = { name: 'none', length: batches, columns: [] };
  return {
    run: 'chain-1',
    model: 'chain',
    task: 'il',
    plan: [],
    shards,
    needs: Array.from({ length: shards }, () => ({ memory: 1, flops: 1, bytes: 1 })),
    train: data,
    checks: [],
    statistics: [],
    batch: 1,
    evaluations: [],
    epochs,
    seed: 1,
    snapshotEvery,
    schedule: 'lockstep',
    microbatches: 1,
    codec: 'f32',
    source: { path: '', text: '', compiler: '' },
  };
}

/** The same in the schedule `async`: values go down the chain to the label of the last shard. */
export function freeChain(...[shards, ...lengths]: Parameters<typeof chain>): Deployment {
  const strict = chain(shards, ...lengths);
  const needs = strict.needs.map((need, shard) => ({
    ...need,
    feeds: shard === 0 ? [] : [shard - 1],
    reads: { train: shard === 0 || shard === shards - 1 ? ['data'] : [], checks: [] },
  }));
  return { ...strict, needs, schedule: 'async', staleness: 2 };
}
