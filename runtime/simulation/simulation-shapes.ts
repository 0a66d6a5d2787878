/** What a simulated mesh is told, and what becomes of it. */
import type { Step, SynchronizerEvent, SynchronizerState } from '../roles/synchronizer-state.ts';
import type { Faults } from './faults.ts';
import type { SimulatedAudits } from './simulated-audits.ts';
import type { SimulatedRun } from './virtual-host.ts';
import type { Served } from './virtual-predictor.ts';

export interface SimulationOptions extends SimulatedRun {
  /** Trainings beside it. @param at virtual milliseconds when each is deployed */
  readonly beside?: readonly (SimulatedRun & { readonly at: number })[];
  readonly nodes: number;
  /** Bytes that each of them lends, all of them by default. */
  readonly memory?: (node: number) => number;
  readonly seed: number;
  readonly faults: Faults;
  /** Virtual milliseconds after which it ends in any case. */
  readonly until: number;
  /** That a predictor is asked in a second; nothing: there is none. */
  readonly requests?: number;
  /** Trainers seal their stretches, and such a share of these is audited; absent: they do not. */
  readonly audits?: SimulatedAudits;
  /** Ends it before the training is over: asked behind everything that happens. */
  readonly isOver?: () => boolean;
  /** Hears of everything that enters the synchronizer's machine. */
  readonly note?: (before: SynchronizerState, event: SynchronizerEvent, at: number, step: Step) => void;
}

/** What has become of a training. */
export interface SimulatedEnd {
  readonly run: string;
  readonly phase: string;
  /** Virtual milliseconds from its deployment to its end; to that of the simulation where it has none. */
  readonly time: number;
  readonly epochs: number;
  /** Names of the states in its newest snapshot, by shard. */
  readonly parts: readonly string[];
}

export interface SimulationResult {
  readonly phase: string;
  /** Virtual milliseconds. */
  readonly time: number;
  readonly epochs: number;
  readonly kills: number;
  /** All trainings, that of `phase` and `epochs` first. */
  readonly runs: readonly SimulatedEnd[];
  /** Shards that a trainer had no memory for when it was to load them. */
  readonly withoutRoom: number;
  /** Longest time in which a shard had no owner while a trainer was free. */
  readonly longestWithoutOwner: number;
  /** Violations of what must always hold, in words. Empty in a sound run. */
  readonly violations: readonly string[];
  /** Hash over everything that happened, in order. */
  readonly trace: string;
  readonly events: number;
  readonly served?: Served;
}
