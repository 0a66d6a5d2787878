/** The passes over programs, in order. `nmc show --stage program --after NAME` stops behind one of them. */
import type { Program, ProgramFunction, Shape } from '../../../spec/program.ts';
import { commonSubexpressions } from './cse.ts';
import { removeDeadCode } from './dead-code.ts';
import { fold } from './fold.ts';
import { gram } from './gram.ts';
import { hoist } from './hoist.ts';
import { peel, simplify } from './peel.ts';
import { assignSlots } from './slots.ts';

export interface Pass {
  readonly name: string;
  /** One line for `nmc show` and the documentation. */
  readonly what: string;
  readonly run: (f: ProgramFunction, stateShapes: ReadonlyMap<string, Shape>) => ProgramFunction;
}

export const passes: readonly Pass[] = [
  { name: 'fold', what: 'constant folding and algebra; factors and signs move outwards', run: fold },
  { name: 'cse', what: 'common subexpressions', run: commonSubexpressions },
  { name: 'dead-code', what: 'feedback into clamped nodes, energies that nobody reads', run: removeDeadCode },
  { name: 'hoist', what: 'what does not change over the ticks is computed before them', run: hoist },
  {
    name: 'gram',
    what: 'the weights of a clamped first link under iPC with SGD, by the Gram matrix of the batch',
    run: gram,
  },
  { name: 'peel', what: 'the first ticks written out, where errors are still zero', run: peel },
  {
    name: 'simplify',
    what: 'folding, common subexpressions and dead code once more, until nothing changes',
    run: simplify,
  },
  { name: 'slots', what: 'buffer reuse', run: assignSlots },
];

/** @param last the pass to stop behind; all when absent */
export function runPasses(program: Program, last?: string, observe?: (pass: Pass, program: Program) => void): Program {
  const stateShapes = new Map(program.states.map((s) => [s.id, s.shape]));
  let current = program;
  for (const pass of passes) {
    current = { ...current, functions: current.functions.map((f) => pass.run(f, stateShapes)) };
    observe?.(pass, current);
    if (pass.name === last) break;
  }
  return current;
}
