/** A plan for simulation: the run as it would be deployed, without data, and who has borders with whom. */
import type { Plan, PlanTraining } from '../../../spec/plan.ts';
import { feedsOf, scheduleOfTraining } from '../../net/make-deployment.ts';
import { readsOf } from '../../net/shard-data.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import type { SimulatedRun as VirtualRun } from '../../simulation/virtual-host.ts';
import type { Deployment } from '../../wire/deployment.ts';

export interface SimulatedRun {
  readonly run: string;
  /** Training batches of an epoch. */
  readonly batches: number;
  readonly epochs: number;
  readonly snapshotEvery: number;
  readonly seed: number;
}

export type SimulatedPlan = Pick<VerifiedPlan, 'plan' | 'schedules'>;

/** Milliseconds of a call on a trainer. */
const CALL = 20;

/** A training of the plan as virtual trainers take it: its borders, its schedule, and the ticks of a call. */
export function virtualRun(opened: SimulatedPlan, training: PlanTraining, simulated: SimulatedRun): VirtualRun {
  const deployment = simulatedDeployment(opened, training, simulated);
  return { borders: neighboursIn(opened.plan), call: CALL, ticks: training.ticks ?? 1, deployment };
}

export function simulatedDeployment(
  { plan, schedules }: SimulatedPlan,
  training: PlanTraining,
  simulated: SimulatedRun,
): Deployment {
  const { run, batches, epochs, snapshotEvery, seed } = simulated;
  const { microbatches = 1, ahead, batch, task } = training;
  return {
    ...{ run, model: plan.model, task, epochs, snapshotEvery, seed, batch },
    plan: [],
    shards: plan.shards.length,
    needs: plan.shards.map((s, i) => {
      const need = { memory: s.memory, flops: s.flopsPerBatch, bytes: 0 };
      const schedule = schedules[i];
      // Who waits for whom where a shard is empty.
      return training.async && schedule ? { ...need, feeds: feedsOf(schedule), reads: readsOf(schedule, []) } : need;
    }),
    train: { name: 'none', length: batches * batch, columns: [] },
    checks: [],
    statistics: [],
    evaluations: [],
    schedule: scheduleOfTraining(training),
    ...(training.async ? { staleness: training.async.staleness } : {}),
    microbatches,
    ...(ahead === undefined ? {} : { ahead }),
    codec: 'f32',
    source: { path: '', text: '', compiler: '' },
  };
}

/** By shard, those with which it has a border. */
export function neighboursIn({ shards, borders }: Pick<Plan, 'shards' | 'borders'>): number[][] {
  const found = shards.map(() => new Set<number>());
  for (const {
    shards: [a, b],
  } of borders) {
    found[a]?.add(b);
    found[b]?.add(a);
  }
  return found.map((of) => [...of].sort((x, y) => x - y));
}
