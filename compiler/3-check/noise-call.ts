/** `tick` and `noise(std)`: what definitions of nodes and links may read of settling (semantics.md, section 5). */
import { drawLeaf } from '../../spec/names.ts';
import type { Call } from '../1-syntax/ast.ts';
import { apply, leaf } from '../operators/expr.ts';
import { ShapeError } from '../operators/operator.ts';
import { toExpr } from './arithmetic.ts';
import { type Environment, shapeMistake } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { isPoison, POISON, type Term, tensor } from './term.ts';

export const TICK: Term = tensor(leaf('tick', [], false));
/** Of a node alone. */
export const DISTANCE: Term = tensor(leaf('distance', [], false));

/** Draws of one definition. */
export const MAX_DRAWS = 16;

/** A draw for each element, times `std`; each call in a definition draws numbers of its own. */
export function callNoise(call: Call, environment: Environment, evaluate: Evaluate): Term {
  const { draws, session } = environment;
  const { reporter } = session;
  if (draws === undefined) {
    const reason = 'noise is drawn in every tick, by the `predict` of a link or the `energy` or `value` of a node';
    reporter.report('call/arguments', call.span, reason, {
      repair: 'define a link or node that draws it; `settle(start = noise)` begins at noise',
    });
    return POISON;
  }
  const [argument] = call.arguments;
  const term = argument && evaluate(argument.value, environment);
  if (term !== undefined && isPoison(term)) return POISON;
  const std = term === undefined ? undefined : toExpr(term);
  const named = argument?.name !== undefined && argument.name.text !== 'std';
  if (std === undefined || named || call.arguments.length !== 1 || draws.count >= MAX_DRAWS) {
    const reason =
      draws.count >= MAX_DRAWS
        ? `a definition draws at most ${MAX_DRAWS} times`
        : 'noise has one argument, its standard deviation: `noise(0.1)`';
    reporter.report('call/arguments', call.span, reason);
    return POISON;
  }
  try {
    return tensor(apply('mul', [std, leaf(drawLeaf(draws.count++), draws.shape)]));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    shapeMistake(environment, argument?.span ?? call.span, error.message);
    return POISON;
  }
}
