/** What simulations of many seeds have come to: which of them break a rule of the mesh. */
import { MAX_WITHOUT_OWNER_MS } from './invariants.ts';
import type { SimulationResult } from './simulation.ts';

export interface Told {
  readonly seeds: number;
  /** In which a shard had two owners, or none for too long, a trainer was over its memory, or a training did not end. */
  readonly broken: number;
  readonly kills: number;
  /** Virtual milliseconds of the worst seed. */
  readonly longestWithoutOwner: number;
  readonly longestOf: number;
}

type Result = Pick<SimulationResult, 'violations' | 'longestWithoutOwner' | 'kills' | 'runs'>;

export class SeedTally {
  #told: Told = { seeds: 0, broken: 0, kills: 0, longestWithoutOwner: 0, longestOf: 0 };

  get told(): Told {
    return this.#told;
  }

  /** @param ends whether its trainings have to be done @returns whether it breaks no rule */
  add(seed: number, { violations, longestWithoutOwner, kills, runs }: Result, ends: boolean): boolean {
    const isSound =
      violations.length === 0 &&
      longestWithoutOwner < MAX_WITHOUT_OWNER_MS &&
      (!ends || runs.every(({ phase }) => phase === 'done'));
    const before = this.#told;
    const isWorst = before.seeds === 0 || longestWithoutOwner > before.longestWithoutOwner;
    this.#told = {
      seeds: before.seeds + 1,
      broken: before.broken + Number(!isSound),
      kills: before.kills + kills,
      longestWithoutOwner: isWorst ? longestWithoutOwner : before.longestWithoutOwner,
      longestOf: isWorst ? seed : before.longestOf,
    };
    return isSound;
  }
}
