/** Samples in a row as sequences. */
import type { Call } from '../1-syntax/ast.ts';
import type { Environment } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { type DataTerm, describe, isPoison, POISON, type Term } from './term.ts';

/** More steps than this are a mistake. */
export const MAX_STEPS = 2 ** 24;
const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 1 && n <= MAX_STEPS;

/** `data.mnist.train[0..99].sequences(10)`: each ten samples, one after the other, are one sequence. */
export function groupRows(of: DataTerm, call: Call, environment: Environment, evaluate: Evaluate): Term {
  const { reporter } = environment.session;
  const [argument] = call.arguments;
  const steps = argument && evaluate(argument.value, environment);
  if (steps !== undefined && isPoison(steps)) return POISON;
  const count = typeof steps === 'number' && isCount(steps) ? steps : undefined;
  if (count === undefined || call.arguments.length !== 1) {
    const shown = steps === undefined || count !== undefined ? '' : `, not ${describe(steps)}`;
    reporter.report('call/arguments', call.span, `\`sequences\` takes the number of their steps${shown}`, {
      repair: '`.sequences(16)`',
    });
    return POISON;
  }
  if (!of.splitChosen || of.field !== undefined || of.reference.steps !== undefined || of.reference.part) {
    reporter.report('call/arguments', call.span, 'data can be cut into sequences only once, and only as a whole', {
      repair: `\`data.mnist.train[0..99].sequences(${count})\``,
    });
    return POISON;
  }
  const fields = of.reference.fields.map((f) => ({ ...f, shape: [count, ...f.shape] }));
  return { ...of, reference: { ...of.reference, fields, steps: count } };
}
