/**
 * A node's energy and activation for its shape. Four parameters have a meaning for every node definition: `act` (the
 * function applied before values enter a link), `start` (where a node inside a cycle begins), `prior` (`zero` or
 * `none`).
 */
import type { Span } from '../diagnostics/diagnostic.ts';
import { type Expr, leaf, type Shape, sizeOf } from '../operators/expr.ts';
import { ShapeError } from '../operators/operator.ts';
import { toExpr } from './arithmetic.ts';
import type { CallValue, Initializer, NodePart, WeightInstance } from './checked.ts';
import { ownKind } from './energy-kinds.ts';
import { atHome, type Environment, shapeMistake } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { makeInitializer } from './initializers.ts';
import { TICK } from './noise-call.ts';
import { degreeIn } from './polynomial.ts';
import { evaluateRules } from './rules-of-definition.ts';
import { isKind, isPoison, type Term, tensor, valueKey } from './term.ts';
import { weightMaker } from './weights.ts';

export function nodePart(call: CallValue, shape: Shape, span: Span, environment: Environment): NodePart | undefined {
  const { session } = environment;
  const key = `${valueKey(call)} ${shape.join('x')}`;
  const known = session.nodeParts.get(key);
  if (known) return known;
  const made = makeNodePart(call, shape, span, environment);
  if (made) session.nodeParts.set(key, made);
  return made;
}

function makeNodePart(call: CallValue, shape: Shape, span: Span, environment: Environment): NodePart | undefined {
  const { session } = environment;
  const { definition } = call;
  const module = session.program.homes.get(definition);
  if (module === undefined) return undefined;
  const z = leaf('z', shape);
  const names = new Map<string, Term>([['tick', TICK], ...Object.entries(call.arguments)]);
  names.set('z', tensor(z)).set('mu', tensor(leaf('mu', shape)));
  const home: Environment = {
    ...atHome(environment, module, names),
    draws: { shape, count: 0 },
    onShape: (at, reason) =>
      session.reporter.report('node/shape', span, `${definition.name.text} does not fit: ${reason}`, {
        labels: [{ span: at, text: 'in this formula' }],
      }),
  };
  const weights: WeightInstance[] = [];
  const fans = { in: sizeOf(shape), out: sizeOf(shape) };
  const energy = evaluateRules(definition, home, evaluate, weightMaker(weights, fans, evaluate)).get('energy');
  const activation = activate(names.get('act'), z, span, home);
  if (energy === undefined || isPoison(energy) || activation === undefined) return undefined;
  const expr = toExpr(energy);
  if (expr === undefined) {
    session.reporter.report('definition/formula', definition.name.span, 'its `energy` is not a tensor');
    return undefined;
  }
  const energyKind = module.standard ? definition.name.text : ownKind(call.name);
  return {
    activation,
    energy: expr,
    energyKind,
    ...(energyKind === 'gaussian' && names.get('precision') !== 1 ? { weighted: true } : {}),
    clampedOnly: degreeIn(expr, 'z') <= 1,
    weights,
    start: startOf(names.get('start')),
    prior: priorOf(names.get('prior')),
  };
}

function activate(act: Term | undefined, z: Expr, span: Span, home: Environment): Expr | undefined {
  if (act === undefined || !isKind(act, 'function')) return z;
  try {
    return act.apply(z);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    shapeMistake(home, span, error.message);
    return undefined;
  }
}

function startOf(term: Term | undefined): Initializer {
  if (term !== undefined && isKind(term, 'initializer')) return makeInitializer(term, { in: 1, out: 1 }, 1);
  return { kind: 'constant', value: typeof term === 'number' ? term : 0 };
}

function priorOf(term: Term | undefined): 'zero' | 'none' {
  return term !== undefined && isKind(term, 'symbol') && term.name === 'none' ? 'none' : 'zero';
}
