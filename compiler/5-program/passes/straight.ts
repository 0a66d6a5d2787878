/**
 * Functions for devices that run straight code. Written out, the last tick of a loop knows what its loop did not: an error
 * that has not come by then is zero, and what it would be computed from is what the sweep before has computed.
 */
import type { ProgramFunction, Shape } from '../../../spec/program.ts';
import { removeDeadCode } from './dead-code.ts';
import { countOps, simplify, unroll } from './peel.ts';

/** Longer code is left as it is: looking through it would take longer than it saves. */
const MAX_OPERATIONS = 4000;

/** All ticks written out, and simplified once more where there were any, and where that leaves less to do. */
export function straightCode(f: ProgramFunction, stateShapes: ReadonlyMap<string, Shape>): ProgramFunction {
  const flat = removeDeadCode(unroll(f));
  const hadTicks = f.blocks.some((block) => block.carries.length > 0);
  if (!hadTicks || countOps(flat) > MAX_OPERATIONS) return flat;
  const simple = simplify(flat, stateShapes);
  return countOps(simple) < countOps(flat) ? simple : flat;
}
