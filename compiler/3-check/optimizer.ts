/** Optimisers and rates as expressions. */
import { weightName } from '../../spec/names.ts';
import type { Definition } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { apply, constant, type Expr, leaf, type Shape } from '../operators/expr.ts';
import { ShapeError, showShape } from '../operators/operator.ts';
import { toExpr } from './arithmetic.ts';
import type { CallValue, ModelInstance, OptimizerInstance, Value, WeightStep } from './checked.ts';
import { atHome, type Environment, inside, shapeMistake } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { dependsOnShape, overConnections, totalName } from './reductions.ts';
import { evaluateRules } from './rules-of-definition.ts';
import { isPoison, type Term, tensor } from './term.ts';

const scalar = (name: string): Term => tensor(leaf(name, [], false));

/**
 * The expressions of an optimizer that works element by element are the same for all weights. One that reduces, or asks
 * for a size, is worked out for each shape of the model's weights.
 *
 * @returns undefined after a report
 */
export function elaborateOptimizer(
  call: CallValue,
  model: ModelInstance,
  environment: Environment,
): OptimizerInstance | undefined {
  const { definition } = call;
  const module = environment.session.program.homes.get(definition);
  const rate = rateExpr(call.arguments.rate, environment);
  if (module === undefined || rate === undefined) return undefined;
  const home = atHome(environment, module, new Map<string, Term>(Object.entries(call.arguments)));
  const states = statesOf(definition, home);
  if (states === undefined) return undefined;
  if (!dependsOnShape(definition)) {
    const step = weightStepOf(definition, states, [], home);
    return step && { name: call.name, rate, states, ...step };
  }
  const ofWeights = stepsOfWeights(definition, states, model, home);
  const [first] = ofWeights?.values() ?? [];
  return first && ofWeights && { name: call.name, rate, states, ...first, ofWeights };
}

type States = OptimizerInstance['states'];

function statesOf({ rules = [] }: Definition, home: Environment): States | undefined {
  const states: States[number][] = [];
  for (const rule of rules) {
    if (rule.kind !== 'state') continue;
    const init = evaluate(rule.init, inside(home, leaves([])));
    if (isPoison(init)) return undefined;
    if (typeof init !== 'number') {
      home.session.reporter.report('definition/formula', rule.init.span, 'a state begins at a number');
      return undefined;
    }
    states.push({ name: rule.name.text, init });
  }
  return states;
}

/** Names that the statements read: tensors of the weight's shape, and numbers. */
function leaves(shape: Shape): Map<string, Term> {
  const names = new Map<string, Term>();
  for (const name of ['weight', 'gradient']) names.set(name, tensor(leaf(name, shape, false)));
  for (const name of ['rate', 'step', 'update', 'updates']) names.set(name, tensor(leaf(name, [], false)));
  return names;
}

/** The statements for a weight of the shape. */
function weightStepOf(
  { rules = [] }: Definition,
  states: States,
  shape: Shape,
  home: Environment,
): WeightStep | undefined {
  const names = leaves(shape);
  for (const { name } of states) names.set(name, tensor(leaf(name, shape, false)));
  const totals: Expr[] = [];
  names.set('sum_over_weights', overWeights(totals, states));
  const lets = new Map<string, Term>();
  const scope = inside(inside(home, names), lets);
  const nextStates: WeightStep['nextStates'][number][] = [];
  let nextWeight: Expr | undefined;
  for (const rule of rules) {
    if (rule.kind === 'let') lets.set(rule.name.text, evaluate(rule.value, scope));
    if (rule.kind !== 'next') continue;
    const value = toExpr(evaluate(rule.value, scope));
    if (value === undefined) return undefined;
    if (!fits(value.shape, shape)) {
      const reason = `the result has the shape ${showShape(value.shape)}, and a tensor of ${showShape(shape)} is needed`;
      shapeMistake(home, rule.value.span, reason);
      return undefined;
    }
    if (rule.name.text === 'weight') nextWeight = value;
    else nextStates.push({ name: rule.name.text, value });
  }
  return nextWeight && { nextStates, nextWeight, ...(totals.length > 0 ? { totals } : {}) };
}

/** A sum over all elements of all weights, of what is known before any of them moves. */
function overWeights(totals: Expr[], states: States): Term {
  const own = new Set(states.map((s) => s.name));
  const readsState = (e: Expr): boolean =>
    e.kind === 'leaf' ? own.has(e.name) : e.kind === 'apply' && e.args.some(readsState);
  return {
    kind: 'function',
    name: 'sum_over_weights',
    apply: (x) => {
      if (readsState(x))
        throw new ShapeError('a sum over all weights can read `weight` and `gradient`, not the states');
      totals.push(apply('sum', [x], { axes: x.shape.map((_, i) => i - x.shape.length) }));
      return leaf(totalName(totals.length - 1), [], false);
    },
  };
}

/** Whether a value of the shape fills a tensor of the other one by repetition. */
function fits(shape: Shape, whole: Shape): boolean {
  const skipped = whole.length - shape.length;
  return skipped >= 0 && shape.every((n, i) => n === 1 || n === whole[skipped + i]);
}

/** By the name of the weight; weights of one shape share what is worked out. The first mistake ends it. */
function stepsOfWeights(
  definition: Definition,
  states: States,
  model: ModelInstance,
  home: Environment,
): Map<string, WeightStep> | undefined {
  const byShape = new Map<string, WeightStep>();
  const steps = new Map<string, WeightStep>();
  for (const owner of [...model.links, ...model.nodes])
    for (const { name, shape } of owner.weights) {
      const weight = weightName(owner.name, name);
      const thinned = 'sparsity' in owner && owner.sparsity?.weight === name;
      const key = `${thinned ? 'thinned ' : ''}${shape.join('x')}`;
      const onShape = (span: Span, reason: string): void =>
        home.session.reporter.report(
          'shape/mismatch',
          span,
          `${reason}, for the weight \`${weight}\` of ${showShape(shape)}`,
        );
      const step =
        byShape.get(key) ??
        (thinned
          ? thinnedStep(definition, states, shape, { ...home, onShape })
          : weightStepOf(definition, states, shape, { ...home, onShape }));
      if (step === undefined) return undefined;
      byShape.set(key, step);
      steps.set(weight, step);
    }
  return steps;
}

/** Of a thinned link only the connections that exist count, and they have no axes. */
function thinnedStep(definition: Definition, states: States, shape: Shape, home: Environment): WeightStep | undefined {
  const step = weightStepOf(definition, states, shape, home);
  if (step === undefined) return undefined;
  try {
    return {
      nextStates: step.nextStates.map((s) => ({ ...s, value: overConnections(s.value, shape) })),
      nextWeight: overConnections(step.nextWeight, shape),
      ...(step.totals ? { totals: step.totals.map((x) => overConnections(x, shape)) } : {}),
    };
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    shapeMistake(home, definition.name.span, error.message);
    return undefined;
  }
}

/** A learning rate: a number, or the `value` of a rate definition over the leaves `update` and `updates`. */
export function rateExpr(rate: Value | undefined, environment: Environment): Expr | undefined {
  if (typeof rate === 'number') return constant(rate);
  if (rate === undefined) return constant(1);
  if (typeof rate !== 'object' || rate.kind !== 'call') return undefined;
  const module = environment.session.program.homes.get(rate.definition);
  if (module === undefined) return undefined;
  const names = new Map<string, Term>(Object.entries(rate.arguments));
  names.set('update', scalar('update')).set('updates', scalar('updates'));
  const value = evaluateRules(rate.definition, atHome(environment, module, names), evaluate).get('value');
  return value === undefined ? undefined : toExpr(value);
}
