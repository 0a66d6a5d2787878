/** The machines of a model whose schedule says what one of them has. */
import type { Checked } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import { type Machines, uniformMachines } from './problem.ts';

/** One core of a small machine: the default where no machines are given. */
export const ASSUMED_RATE = 5e10;

export interface ScheduledModel {
  readonly checked: Pick<Checked, 'schedules'>;
  readonly graph: Graph;
}

/** Machines alike, as far as the model's schedule says what one of them has. */
export function scheduledMachines({ checked, graph }: ScheduledModel, shards: number): Machines {
  const [schedule] = checked.schedules.filter((s) => s.model === graph.name);
  const { memory, uplink, downlink, latency } = schedule?.settings ?? {};
  const bound = (value: unknown): number => (typeof value === 'number' ? value : Infinity);
  const alike = uniformMachines(shards, {
    rate: ASSUMED_RATE,
    memory: bound(memory),
    upload: bound(uplink),
    download: bound(downlink),
  });
  const machines = { ...alike, assumed: true };
  if (typeof latency !== 'number') return machines;
  // A schedule gives the way there and back.
  return { ...machines, latency: new Float64Array(shards * shards).fill(latency / 2) };
}
