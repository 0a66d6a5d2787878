/** Weights declared inside links and nodes. */
import { leaf } from '../operators/expr.ts';
import type { WeightInstance } from './checked.ts';
import { type Fans, makeInitializer, toInitializer } from './initializers.ts';
import type { Evaluate } from './parameters.ts';
import type { MakeWeight } from './rules-of-definition.ts';
import { isDone, typeShape } from './shapes.ts';
import { describe, isPoison, POISON, tensor } from './term.ts';

/** Appends each weight to `found`; its name then means a tensor that is the same for all samples. */
export function weightMaker(found: WeightInstance[], fans: Fans, evaluate: Evaluate): MakeWeight {
  return (rule, environment) => {
    const shape = typeShape(rule.type, environment, evaluate);
    const begin = evaluate(rule.init, environment);
    const init = toInitializer(begin);
    if (!isDone(shape) || isPoison(begin)) return POISON;
    if (init === undefined) {
      environment.session.reporter.report(
        'argument/type',
        rule.init.span,
        `a weight begins at a number or an initialiser, not ${describe(begin)}`,
      );
      return POISON;
    }
    const name = rule.name.text;
    found.push({ name, shape, init: makeInitializer(init, fans, shape.length) });
    return tensor(leaf(name, shape, false));
  };
}
