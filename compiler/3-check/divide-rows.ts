/** Data of which a part is kept to measure on. */
import type { Call } from '../1-syntax/ast.ts';
import { listNames } from '../diagnostics/reporter.ts';
import { matched } from './data-arguments.ts';
import type { Environment } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { type DataTerm, describe, POISON, type Term } from './term.ts';

/** Of divided data, by the names that data sets give theirs. */
export const PARTS = ['train', 'test'] as const;

/** Where nothing else is said. */
const DEFAULT_SEED = 1;

/**
 * `data.file("x.csv", …).split(0.8, seed = 1)`: eight in ten samples, drawn by the seed, are its `train`, the others
 * its `test`.
 */
export function divideRows(of: DataTerm, call: Call, environment: Environment, evaluate: Evaluate): Term {
  const { reporter } = environment.session;
  const wrong = (message: string, repair: string): Term => {
    reporter.report('call/arguments', call.span, message, { repair });
    return POISON;
  };
  const named = matched(call, ['share', 'seed'], environment, evaluate);
  if (named === 'poison') return POISON;
  if (named === undefined)
    return wrong('`split` takes the share that is trained on, and a seed', '`.split(0.8, seed = 1)`');
  const [share, seed] = [named.get('share'), named.get('seed') ?? DEFAULT_SEED];
  if (typeof share !== 'number' || !(share > 0 && share < 1)) {
    const shown = share === undefined ? 'nothing' : describe(share);
    return wrong(`the share that is trained on lies between 0 and 1, not ${shown}`, '`.split(0.8, seed = 1)`');
  }
  if (typeof seed !== 'number' || !Number.isSafeInteger(seed) || seed < 0)
    return wrong(`a seed is a whole number from 0, not ${describe(seed)}`, `\`.split(${share}, seed = 1)\``);
  if (!of.splitChosen)
    return wrong(
      `${of.reference.source} has ${listNames(of.splits)}: one of them is divided`,
      `name it before \`.split\`: \`.${of.splits[0] ?? 'train'}.split(${share}, seed = ${seed})\``,
    );
  if (of.field !== undefined || of.reference.part !== undefined)
    return wrong(
      'data can be divided only once, and only as a whole',
      `\`data.mnist.train.split(${share}, seed = ${seed})\``,
    );
  return { ...of, splits: PARTS, splitChosen: false, dividing: { share, seed } };
}
