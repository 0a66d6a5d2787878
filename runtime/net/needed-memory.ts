/**
 * Memory of each shard of a training, as the trainers' ledger counts it: so says a deployment, so counts the dry run, and
 * so shows a plan, before anything is deployed.
 */
import { TRAIN } from '../../spec/names.ts';
import { type State, sizeOf } from '../../spec/program.ts';
import type { VerifiedPlan } from '../plan/verify-plan.ts';
import { type DataRef, type Deployment, ELEMENT_BYTES, type ShardNeeds } from '../wire/deployment.ts';
import { type Counted, type CountedShard, planNeeds, shardNeeds, sumOfNeeds } from './shard-memory.ts';

export interface NeedingTraining {
  readonly shards: readonly CountedShard[];
  /** Samples of a training batch. */
  readonly batch: number;
  /** Of all files of the plan; absent: not written yet. */
  readonly planBytes?: number;
  readonly sends: readonly Pick<ShardNeeds, 'sends'>[];
  readonly stretches?: Deployment['stretches'];
  /** Absent where they are not here: counted as if one batch were all of them. */
  readonly data?: Pick<Deployment, 'train' | 'checks' | 'evaluations'>;
}

/** A plan as it is written. */
export function needingPlan({
  plan,
  programs,
  schedules,
  files,
}: Pick<VerifiedPlan, 'plan' | 'programs' | 'schedules' | 'files'>): Pick<NeedingTraining, 'shards' | 'planBytes'> {
  const shards = plan.shards.flatMap(({ memory }, i) => {
    const [program, schedule] = [programs[i], schedules[i]];
    return program && schedule ? [{ states: program.states, schedule, memory }] : [];
  });
  return { shards, planBytes: [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0) };
}

/** Bytes, by shard. */
export function neededMemory({ shards, batch, planBytes = 0, sends, stretches, data }: NeedingTraining): number[] {
  const counted: Counted = {
    ...(data ?? { train: oneBatch(shards, batch), checks: [], evaluations: [] }),
    ...{ batch, needs: sends },
    plan: [{ bytes: planBytes }],
    statistics: meansOf(shards.flatMap(({ states }) => states)),
    ...(stretches ? { stretches } : {}),
  };
  const shared = sumOfNeeds(planNeeds(counted));
  return shards.map((shard, i) => shared + sumOfNeeds(shardNeeds(counted, i, shard)));
}

function oneBatch(shards: readonly CountedShard[], batch: number): DataRef {
  const fields = shards.flatMap(({ schedule }) => schedule.functions.find((f) => f.name === TRAIN)?.inputs ?? []);
  const columns = [...new Map(fields.map((field) => [field.name, field])).values()].map(({ name, type, shape }) => ({
    ...{ name, type, shape },
    blobs: [{ blob: '', bytes: batch * sizeOf(shape) * ELEMENT_BYTES[type] }],
  }));
  return { name: '', length: batch, columns };
}

/** Of each field once. */
function meansOf(states: readonly State[]): Counted['statistics'] {
  const bytes = new Map<string, number>();
  for (const { init, shape } of states)
    if (init.kind === 'statistic' && init.what === 'mean')
      bytes.set(init.field, Float32Array.BYTES_PER_ELEMENT * sizeOf(shape));
  return [...bytes].map(([field, mean]) => ({ field, mean: { bytes: mean } }));
}
