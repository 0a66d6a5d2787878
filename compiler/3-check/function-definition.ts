/** Functions written in the language: `function swish(x, beta = 1) { value x * sigmoid(beta * x) }`. */
import type { Call, Definition } from '../1-syntax/ast.ts';
import { matchArguments } from '../2-names/match-arguments.ts';
import { type Module, qualifiedName } from '../2-names/program.ts';
import { toExpr } from './arithmetic.ts';
import { atHome, type Environment } from './environment.ts';
import { bindParameters, type Evaluate } from './parameters.ts';
import { evaluateRules } from './rules-of-definition.ts';
import { isPoison, POISON, type Term, tensor, valueKey } from './term.ts';

/** Functions that call themselves would never end; no real one nests this deep. */
const MAX_DEPTH = 64;

/** A call. Without the first argument, it is the function with the others fixed: `after = swish(beta = 2)`. */
export function applyDefinition(
  definition: Definition,
  module: Module,
  call: Call,
  environment: Environment,
  evaluate: Evaluate,
): Term {
  const [first] = definition.parameters;
  if (first === undefined) return runBody(definition, module, new Map(), environment, evaluate);
  const { bound } = matchArguments(definition, call.arguments);
  if (!bound.has(first.name.text) && first.default === undefined) {
    const given = new Map([...bound].map(([name, a]): [string, Term] => [name, evaluate(a.value, environment)]));
    return functionOf(definition, module, given, environment, evaluate);
  }
  const names = bindParameters(definition, module, call, environment, evaluate);
  return names === undefined ? POISON : runBody(definition, module, names, environment, evaluate);
}

/** The function as a value, with all arguments but the first fixed. */
export function functionOf(
  definition: Definition,
  module: Module,
  given: ReadonlyMap<string, Term>,
  environment: Environment,
  evaluate: Evaluate,
): Term {
  const [first] = definition.parameters;
  if (first === undefined) return POISON;
  const call: Call = {
    kind: 'call',
    callee: { kind: 'name', name: definition.name.text, span: definition.name.span },
    arguments: [],
    span: definition.name.span,
  };
  const shown = [...given].map(([name, term]) => `${name} = ${valueKey(term)}`);
  const name = qualifiedName(environment.session.program, definition);
  return {
    kind: 'function',
    name: shown.length === 0 ? name : `${name}(${shown.join(', ')})`,
    apply: (x) => {
      const all = new Map(given).set(first.name.text, tensor(x));
      const names = bindParameters(definition, module, call, environment, evaluate, all);
      const result = names && runBody(definition, module, names, environment, evaluate);
      return (result !== undefined && toExpr(result)) || x; // a mistake inside has been reported
    },
  };
}

function runBody(
  definition: Definition,
  module: Module,
  names: ReadonlyMap<string, Term>,
  environment: Environment,
  evaluate: Evaluate,
): Term {
  const { session } = environment;
  if (session.depth >= MAX_DEPTH) {
    session.reporter.report(
      'function/endless',
      definition.name.span,
      `\`${definition.name.text}\` calls itself without an end`,
    );
    return POISON;
  }
  session.depth++;
  try {
    const body = evaluateRules(definition, atHome(environment, module, names), evaluate);
    const value = body.get('value');
    if (value === undefined || isPoison(value)) return POISON;
    return value;
  } finally {
    session.depth--;
  }
}
