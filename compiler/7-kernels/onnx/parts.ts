/** Lanes of a batch, and equal parts of a lane's share that it takes one after the other. */
import { LANE, TRAIN } from '../../../spec/names.ts';
import type { Program, ProgramFunction } from '../../../spec/program.ts';

/** Threads that share a batch on a CPU. Fixed, so that results do not depend on the machine. */
export const LANES = 2;

/** How often a lane runs its function for its share of a batch; 1 for every other function. */
export function partsOf({ functions }: Program, { name, batch }: ProgramFunction): number {
  const whole = functions.find((f) => f.name === TRAIN);
  return name === LANE && whole ? Math.max(1, Math.floor(whole.batch / (LANES * batch))) : 1;
}
