/** The passes over programs, in order. `nmc show --stage program --after NAME` stops behind one of them. */
import type { Program, ProgramFunction, Shape } from '../../../spec/program.ts';
import { batchArrays } from '../batch/batch.ts';
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
  readonly run: (program: Program) => Program;
}

/** A pass that looks at one function at a time. */
const each =
  (run: (f: ProgramFunction, stateShapes: ReadonlyMap<string, Shape>) => ProgramFunction): Pass['run'] =>
  (program) => {
    const stateShapes = new Map(program.states.map((s) => [s.id, s.shape]));
    return { ...program, functions: program.functions.map((f) => run(f, stateShapes)) };
  };

export const passes: readonly Pass[] = [
  { name: 'batch', what: 'equal elements of an array run as one', run: batchArrays },
  { name: 'fold', what: 'constant folding and algebra; factors and signs move outwards', run: each(fold) },
  { name: 'cse', what: 'common subexpressions', run: each(commonSubexpressions) },
  { name: 'dead-code', what: 'feedback into clamped nodes, unread energies', run: each(removeDeadCode) },
  { name: 'hoist', what: 'what does not change over the ticks is computed before them', run: each(hoist) },
  {
    name: 'gram',
    what: 'the weights of a clamped first link under iPC with SGD, by the Gram matrix of the batch',
    run: each(gram),
  },
  { name: 'peel', what: 'the first ticks written out, where errors are still zero', run: each(peel) },
  {
    name: 'simplify',
    what: 'folding, common subexpressions and dead code once more, until nothing changes',
    run: each(simplify),
  },
  { name: 'slots', what: 'buffer reuse', run: each(assignSlots) },
];

/** Called behind each pass. */
export type ObservePass = (pass: Pick<Pass, 'name'>, program: Program) => void;

/** All passes but the one that joins nodes: what is cut over shards keeps every node by itself. */
export function runPassesByNode(program: Program, observe?: ObservePass): Program {
  return run(
    passes.filter((pass) => pass.name !== 'batch'),
    program,
    observe,
  );
}

/**
 * The same for ticks that read what neighbours sent some ticks ago (schedule `async`): a training's ticks stay one loop.
 * In ticks that are written out a shard would wait for what it knows to be zero, and for each of them by itself.
 */
export function runPassesFreely(program: Program, observe?: ObservePass): Program {
  const peelAnswers = each((f, shapes) => (f.role === 'predict' ? peel(f, shapes) : f));
  const list = passes.map((pass) => (pass.name === 'peel' ? { ...pass, run: peelAnswers } : pass));
  return run(
    list.filter((pass) => pass.name !== 'batch'),
    program,
    observe,
  );
}

export function runPasses(program: Program, observe?: ObservePass): Program {
  return run(passes, program, observe);
}

function run(list: readonly Pass[], program: Program, observe?: ObservePass): Program {
  let current = program;
  for (const pass of list) {
    current = pass.run(current);
    observe?.(pass, current);
  }
  return current;
}
