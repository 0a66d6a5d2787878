/** `over_batch(x, share, begin = 0)`: the mean of x over a batch, and in predictions its running mean (semantics.md, 2c). */
import type { Argument, Call } from '../1-syntax/ast.ts';
import { isBatched, leaf } from '../operators/expr.ts';
import { toExpr } from './arithmetic.ts';
import type { Environment } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { isPoison, POISON, type Term, tensor } from './term.ts';

const PARAMETERS = ['x', 'share', 'begin'];

/** Each call is a mean of its own. */
export function callOverBatch(call: Call, environment: Environment, evaluate: Evaluate): Term {
  const { means, session } = environment;
  const wrong = (reason: string, repair?: string): Term => {
    session.reporter.report('call/arguments', call.span, reason, { repair });
    return POISON;
  };
  if (means === undefined)
    return wrong('means over a batch are read by the `value` of a node', '`nodes.batch_normalized()`');
  const given = new Map<string, Term>();
  call.arguments.forEach((argument, i) => {
    given.set(nameOf(argument, i), evaluate(argument.value, environment));
  });
  const [of, share, begin = 0] = PARAMETERS.map((name) => given.get(name));
  if ([...given.values()].some(isPoison)) return POISON;
  const x = of === undefined ? undefined : toExpr(of);
  const known = [...given.keys()].every((name) => PARAMETERS.includes(name)) && given.size === call.arguments.length;
  const isShare = typeof share === 'number' && share > 0 && share <= 1;
  if (x === undefined || !known || !isShare || typeof begin !== 'number')
    return wrong(
      'it takes a tensor, the share of its running mean that a batch renews, and where that begins',
      '`over_batch(mean(mu), 0.1, begin = 0)`',
    );
  if (!isBatched(x)) return wrong('this is the same for all samples, so it is its own mean');
  const weight = `running${means.found.length}`;
  if (means.weights.some((w) => w.name === weight))
    return wrong(`a weight of the definition is called \`${weight}\` already`);
  means.found.push({ weight, of: x, share });
  means.weights.push({ name: weight, shape: x.shape, init: { kind: 'constant', value: begin } });
  return tensor(leaf(weight, x.shape, false));
}

function nameOf({ name }: Argument, position: number): string {
  return name?.text ?? PARAMETERS[position] ?? String(position);
}
