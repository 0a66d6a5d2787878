/** The status of a mesh that several synchronizers lead: each tells of its runs, and the one that was asked puts it together. */
import { byDeployment } from '../roles/sharing.ts';
import type { RunState, SynchronizerState } from '../roles/synchronizer-state.ts';
import type { GatewayCounters } from './gateway.ts';
import type { MeshStatus } from './mesh-status.ts';

export type Counted = Pick<GatewayCounters, 'refused' | 'relayedBytes'>;

/** A run as its leader knows it, beside what never changes and what no status shows. */
export type LiveRun = Omit<RunState, 'deployment' | 'exchanges' | 'parts' | 'commits' | 'foreign'>;

/** How it stands at one synchronizer: the runs that it leads, by name, and what its gateway has counted. */
export interface Seen extends Counted {
  /** Names of runs whose records were set aside. */
  readonly damaged: readonly string[];
  readonly runs: Readonly<Record<string, LiveRun>>;
}

export interface Told {
  readonly seen: readonly Seen[];
  readonly synchronizers: NonNullable<MeshStatus['synchronizers']>;
}

/** Of the runs that this one leads. */
export function liveRuns({ runs }: SynchronizerState): Readonly<Record<string, LiveRun>> {
  const led = Object.values(runs).filter(({ foreign }) => !foreign);
  return Object.fromEntries(
    led.map(({ deployment, exchanges: _e, parts: _p, commits: _c, ...run }) => [deployment.run, run]),
  );
}

/** @param state of the one that was asked: runs of those that have not answered are in it as they are stored */
export function putTogether(
  state: SynchronizerState,
  counters: Counted,
  seen: readonly Seen[],
): { readonly state: SynchronizerState; readonly counters: Counted } {
  const live = new Map(seen.flatMap(({ runs }) => Object.entries(runs)));
  // Each synchronizer has heard of them in another order.
  const runs = Object.values(state.runs)
    .sort(byDeployment)
    .map((run) => {
      const { run: id } = run.deployment;
      return [id, run.foreign ? { ...run, ...live.get(id) } : run] as const;
    });
  return { state: { ...state, runs: Object.fromEntries(runs) }, counters: summed([counters, ...seen]) };
}

function summed(all: readonly Counted[]): Counted {
  const refused = new Map<string, number>();
  for (const one of all)
    for (const [why, count] of Object.entries(one.refused)) refused.set(why, (refused.get(why) ?? 0) + (count ?? 0));
  const relayedBytes = all.reduce((sum, one) => sum + one.relayedBytes, 0);
  return { refused: Object.fromEntries(refused), relayedBytes };
}
