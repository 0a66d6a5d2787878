/**
 * What runs have of the trainers at the same time: a trainer may hold shards of several, as its memory allows, and
 * divides its time between them.
 */
import { fairShares } from './fair-share.ts';
import type { MemberState, Phase, RunState, SynchronizerState } from './synchronizer-state.ts';

/** In these a run has shards at trainers, or waits for some. */
const AT_WORK: readonly Phase[] = ['waiting', 'preparing', 'running'];
/** The same of one that comes to its end. */
const HOLDING: readonly Phase[] = ['preparing', 'running', 'halting'];

export interface Held {
  /** Bytes of shards. */
  readonly memory: number;
  /** Names of runs. */
  readonly runs: readonly string[];
}

/** Work of a trainer for others than this run. */
export function heldFor({ runs }: Pick<SynchronizerState, 'runs'>, key: string, except = ''): Held {
  const others = Object.values(runs).filter(
    (run) => HOLDING.includes(run.phase) && run.deployment.run !== except && run.owners.includes(key),
  );
  return {
    memory: others.reduce((sum, run) => sum + memoryAt(run, key), 0),
    runs: others.map((run) => run.deployment.run),
  };
}

function memoryAt({ owners, deployment }: RunState, key: string): number {
  return owners.reduce((sum, owner, i) => sum + (owner === key ? (deployment.needs[i]?.memory ?? 0) : 0), 0);
}

/** Trainers that a run has: one that works for two runs is half a trainer to each. */
export function shareOf(state: Pick<SynchronizerState, 'runs'>, run: string, owners: readonly string[]): number {
  const keys = [...new Set(owners)].filter((key) => key !== '');
  return keys.reduce((sum, key) => sum + 1 / (1 + heldFor(state, key, run).runs.length), 0);
}

/** Runs between which the trainers are divided, in the order in which they were deployed. */
export function sharing({ runs }: Pick<SynchronizerState, 'runs'>): RunState[] {
  return Object.values(runs)
    .filter((run) => AT_WORK.includes(run.phase))
    .sort(byDeployment);
}

export function byDeployment(a: RunState, b: RunState): number {
  return a.created - b.created || (a.deployment.run < b.deployment.run ? -1 : 1);
}

/** By run, the trainers that it is entitled to. */
export function fairSharesOf(state: SynchronizerState): Map<string, number> {
  const needs = sharing(state).map((run) => [run.deployment.run, run.deployment.shards] as const);
  return fairShares(Object.values(state.members).filter(isFree).length, new Map(needs));
}

/** It may be given something. */
export function isFree({ connected, name, draining }: MemberState): boolean {
  return connected && name !== '' && !draining;
}
