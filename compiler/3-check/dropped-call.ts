/** `dropped(x, share)`: a training replaces elements of `x` by 0, by chance (semantics.md, equation 14g). */
import { keptLeaf } from '../../spec/names.ts';
import { sameShape } from '../../spec/program.ts';
import type { Call } from '../1-syntax/ast.ts';
import { apply, leaf } from '../operators/expr.ts';
import { ShapeError, showShape } from '../operators/operator.ts';
import { toExpr } from './arithmetic.ts';
import { type Environment, shapeMistake } from './environment.ts';
import { MAX_DRAWS } from './noise-call.ts';
import type { Evaluate } from './parameters.ts';
import { isPoison, POISON, type Term, tensor } from './term.ts';

/** Each call in a definition draws masks of its own. */
export function callDropped(call: Call, environment: Environment, evaluate: Evaluate): Term {
  const { draws, session } = environment;
  const wrong = (reason: string, repair?: string): Term => {
    session.reporter.report('call/arguments', call.span, reason, { repair });
    return POISON;
  };
  if (draws === undefined)
    return wrong(
      'elements are dropped by the `predict` of a link or the `value` of a node',
      '`nodes.dropout(0.1)`, a node that drops a tenth of what it is predicted to be',
    );
  const terms = call.arguments.map((argument) => evaluate(argument.value, environment));
  if (terms.some(isPoison)) return POISON;
  const [of, share] = terms;
  const x = of === undefined ? undefined : toExpr(of);
  const named = call.arguments.some((a, i) => a.name !== undefined && !(i === 1 && a.name.text === 'share'));
  if (x === undefined || typeof share !== 'number' || !(share >= 0 && share < 1) || named || terms.length !== 2)
    return wrong('it takes a tensor and the share that is dropped, from 0 to less than 1', '`dropped(mu, 0.1)`');
  if (draws.count >= MAX_DRAWS) return wrong(`a definition draws at most ${MAX_DRAWS} times`);
  try {
    if (!sameShape(x.shape, draws.shape))
      throw new ShapeError(`what is dropped from has the shape ${showShape(x.shape)}, not ${showShape(draws.shape)}`);
    if (share === 0) return tensor(x);
    return tensor(apply('mul', [x, leaf(keptLeaf(draws.count++, share), draws.shape)]));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    shapeMistake(environment, call.span, error.message);
    return POISON;
  }
}
