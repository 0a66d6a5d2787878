/** Seeds of `chaos-churn` in a thread of their own: each says what has become of it. */
import { parentPort, workerData } from 'node:worker_threads';
import { virtualRun } from '../../../runtime/cli/mesh/simulated-plan.ts';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import { trainingOf } from '../../../runtime/cli/training/train-settings.ts';
import { churnOf } from '../../../runtime/simulation/faults.ts';
import { type SimulationResult, simulate } from '../../../runtime/simulation/simulation.ts';

export interface ChurnSize {
  readonly nodes: number;
  readonly seconds: number;
  readonly batches: number;
  readonly epochs: number;
  readonly snapshotEvery: number;
}

export interface ChurnSeeds {
  /** Folder of the plan. */
  readonly plan: string;
  readonly run: string;
  readonly size: ChurnSize;
  readonly seeds: readonly number[];
}

/** Without what is large or of no use later. */
export type Kept = Pick<SimulationResult, 'violations' | 'longestWithoutOwner' | 'kills' | 'runs' | 'epochs'>;

export interface FoundSeed {
  readonly seed: number;
  readonly found: Kept;
}

function of({ violations, longestWithoutOwner, kills, runs, epochs }: SimulationResult): Kept {
  const ends = runs.map((run) => ({ ...run, parts: [] }));
  return { violations: violations.slice(0, 3), longestWithoutOwner, kills, epochs, runs: ends };
}

function go({ plan, run, size: { nodes, seconds, ...lengths }, seeds }: ChurnSeeds): void {
  const opened = openPlan(plan);
  const training = trainingOf(opened.plan);
  for (const seed of seeds) {
    const options = { nodes, seed, faults: churnOf(seed), until: 1000 * seconds };
    const found = simulate({ ...virtualRun(opened, training, { run, seed, ...lengths }), ...options });
    parentPort?.postMessage({ seed, found: of(found) } satisfies FoundSeed);
  }
}

go(workerData as ChurnSeeds);
