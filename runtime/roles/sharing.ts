/**
 * What runs have of the trainers at the same time: a trainer may hold shards of several, as its memory allows, and
 * divides its time between them.
 */
import { allotmentOf, type Held, heldBy } from './allotments.ts';
import { fairShares } from './fair-share.ts';
import type { MemberState, Phase, RunState, SynchronizerState } from './synchronizer-state.ts';

/** In these a run has shards at trainers, or waits for some. */
const AT_WORK: readonly Phase[] = ['waiting', 'preparing', 'running'];

type Runs = Pick<SynchronizerState, 'runs' | 'allotted'>;

const NOTHING: Held = { memory: 0, runs: [] };

/** By trainer, its work for others than this run. */
export function heldByTrainer({ runs, allotted }: Runs, except = ''): Map<string, Held> {
  const led = Object.values(runs).filter(({ foreign }) => !foreign);
  const own = led.map((run) => [run.deployment.run, allotmentOf(run)] as const);
  // What others have been given is in the entry of all, whatever was heard of their runs.
  const others = Object.entries(allotted?.lines ?? {}).filter(([run]) => !own.some(([name]) => name === run));
  return heldBy([...others, ...own].filter(([run]) => run !== except));
}

/** Work of a trainer for others than this run. */
export function heldFor(state: Runs, key: string, except = ''): Held {
  return heldByTrainer(state, except).get(key) ?? NOTHING;
}

/** Trainers that a run has: one that works for two runs is half a trainer to each. */
export function shareOf(state: Runs, run: string, owners: readonly string[]): number {
  const held = heldByTrainer(state, run);
  const keys = [...new Set(owners)].filter((key) => key !== '');
  return keys.reduce((sum, key) => sum + 1 / (1 + (held.get(key)?.runs.length ?? 0)), 0);
}

/** Runs between which the trainers are divided, in the order in which they were deployed. */
export function sharing({ runs }: Runs): RunState[] {
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
