/**
 * A node's energy, or its values where it is exact, and its activation for its shape. Three parameters have a meaning
 * for every node definition: `act` (the function applied before values enter a link), `start` (where a node inside a
 * cycle begins), `prior` (`zero` or `none`).
 */
import { sameShape } from '../../spec/program.ts';
import type { Definition } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { constant, type Expr, leaf, type Shape, sizeOf } from '../operators/expr.ts';
import { ShapeError } from '../operators/operator.ts';
import { toExpr } from './arithmetic.ts';
import type { BatchMean, CallValue, Initializer, NodePart, WeightInstance } from './checked.ts';
import { ownKind } from './energy-kinds.ts';
import { atHome, type Environment, shapeMistake } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { makeInitializer } from './initializers.ts';
import { DISTANCE, TICK } from './noise-call.ts';
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
  const names = new Map<string, Term>([['tick', TICK], ['distance', DISTANCE], ...Object.entries(call.arguments)]);
  names.set('z', tensor(z)).set('mu', tensor(leaf('mu', shape)));
  const weights: WeightInstance[] = [];
  const means = { found: [] as BatchMean[], weights };
  const home: Environment = {
    ...atHome(environment, module, names),
    draws: { shape, count: 0 },
    means,
    onShape: (at, reason) =>
      session.reporter.report('node/shape', span, `${definition.name.text} does not fit: ${reason}`, {
        labels: [{ span: at, text: 'in this formula' }],
      }),
  };
  const fans = { in: sizeOf(shape), out: sizeOf(shape) };
  const formulas = evaluateRules(definition, home, evaluate, weightMaker(weights, fans, evaluate));
  const activation = activate(names.get('act'), z, span, home);
  const formula = formulaOf(formulas, shape, definition, home);
  if (formula === undefined || activation === undefined) return undefined;
  const problem = meansProblem(means.found, formula);
  if (problem !== undefined) {
    session.reporter.report('definition/formula', definition.name.span, problem);
    return undefined;
  }
  const energyKind = module.standard ? definition.name.text : ownKind(call.name);
  return {
    activation,
    ...formula,
    ...(means.found.length > 0 ? { overBatch: means.found } : {}),
    energyKind,
    ...(energyKind === 'gaussian' && names.get('precision') !== 1 ? { weighted: true } : {}),
    clampedOnly: formula.value === undefined && degreeIn(formula.energy, 'z') <= 1,
    weights,
    start: startOf(names.get('start')),
    prior: priorOf(names.get('prior')),
  };
}

/** What the definition says of its values: what a pair of them and their prediction costs, or what they are. */
function formulaOf(
  formulas: ReadonlyMap<string, Term>,
  shape: Shape,
  { name }: Definition,
  { session }: Environment,
): Pick<NodePart, 'energy' | 'value'> | undefined {
  const energy = formulas.get('energy');
  const value = formulas.get('value');
  const given = energy ?? value;
  if (given === undefined || isPoison(given)) return undefined;
  const expr = toExpr(given);
  const reason =
    energy !== undefined && value !== undefined
      ? 'it has an `energy`, so its values settle, and a `value`, so they do not'
      : formulaProblem(expr, energy === undefined ? 'value' : 'energy', shape);
  if (reason !== undefined || expr === undefined) {
    session.reporter.report('definition/formula', name.span, reason ?? 'it has no formula');
    return undefined;
  }
  return energy === undefined ? { energy: constant(0), value: expr } : { energy: expr };
}

function meansProblem(found: readonly BatchMean[], { value }: Pick<NodePart, 'value'>): string | undefined {
  if (found.length === 0) return undefined;
  if (value === undefined) return 'it has an `energy`, and means over a batch are for the `value` of an exact node';
  const settles = found.some(({ of }) => degreeIn(of, 'z') > 0 || readsTime(of));
  return settles ? 'a mean over a batch is of `mu` alone: it is the same function in every tick' : undefined;
}

function readsTime(expr: Expr): boolean {
  if (expr.kind === 'leaf') return expr.name === 'tick' || expr.name === 'distance' || /^(noise|kept):/.test(expr.name);
  return expr.kind === 'apply' && expr.args.some(readsTime);
}

function formulaProblem(expr: Expr | undefined, kind: 'energy' | 'value', shape: Shape): string | undefined {
  if (expr === undefined) return `its \`${kind}\` is not a tensor`;
  if (kind === 'energy') return undefined;
  if (degreeIn(expr, 'z') > 0) return 'its `value` reads `z`: values are made of the prediction, `mu`';
  if (!sameShape(expr.shape, shape))
    return `its \`value\` has shape [${expr.shape.join(', ')}], not [${shape.join(', ')}]`;
  return undefined;
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
