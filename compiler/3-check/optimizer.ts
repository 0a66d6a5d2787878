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
import { decayingApart } from './learning-in.ts';
import { dependsOnShape, overConnections, totalName } from './reductions.ts';
import { evaluateRules } from './rules-of-definition.ts';
import { isPoison, type Term, tensor } from './term.ts';

/** The leaf of what a weight's `decay` is multiplied by, where a link or node of the model has a share of its own. */
export const DECAY_SHARE = 'share:decay';

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
  const rules = rulesOf(call, decayingApart(model) !== undefined, environment);
  if (rules === undefined) return undefined;
  const { rate, states } = rules;
  if (!dependsOnShape(call.definition)) {
    const step = weightStepOf(rules, [], rules.home);
    return step && { name: call.name, rate, states, ...step };
  }
  const ofWeights = stepsOfWeights(rules, model);
  const [first] = ofWeights?.values() ?? [];
  return first && ofWeights && { name: call.name, rate, states, ...first, ofWeights };
}

/** An optimizer with its arguments. */
interface Rules {
  readonly definition: Definition;
  readonly home: Environment;
  readonly rate: Expr;
  /** With those of the optimizer inside. */
  readonly states: States;
  /** The optimizer that is its argument of that name. */
  readonly inside?: { readonly parameter: string; readonly rules: Rules };
}

/** Undefined after a report. @param shared weights have shares of their own in `decay` */
function rulesOf(call: CallValue, shared: boolean, environment: Environment): Rules | undefined {
  const { definition } = call;
  const { program, reporter } = environment.session;
  const module = program.homes.get(definition);
  if (module === undefined) return undefined;
  const names = new Map<string, Term>(Object.entries(call.arguments));
  const { decay } = call.arguments;
  if (shared && typeof decay === 'number')
    names.set('decay', tensor(apply('mul', [constant(decay), leaf(DECAY_SHARE, [], false)])));
  const home = atHome(environment, module, names);
  const own = statesOf(definition, home);
  const around = Object.entries(call.arguments).find(([, value]) => isOptimizer(value));
  const inner = around && rulesOf(around[1] as CallValue, shared, environment);
  if (own === undefined || (around && inner === undefined)) return undefined;
  const rate = inner?.rate ?? rateExpr(call.arguments.rate, environment);
  if (rate === undefined) return undefined;
  if (!around || !inner) return { definition, home, rate, states: own };
  const twice = own.find(({ name }) => inner.states.some((s) => s.name === name));
  const problem =
    call.arguments.rate === undefined
      ? twice && `both it and \`${inner.definition.name.text}\` have a state \`${twice.name}\``
      : `\`rate\` is that of \`${around[0]}\`, the optimizer inside`;
  if (problem !== undefined) {
    reporter.report('definition/formula', definition.name.span, problem);
    return undefined;
  }
  const inside = { parameter: around[0], rules: inner };
  return { definition, home, rate, states: [...inner.states, ...own], inside };
}

function isOptimizer(value: Value): boolean {
  return typeof value === 'object' && value.kind === 'call' && value.definition.what === 'optimizer';
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

/**
 * The statements for a weight of the shape.
 *
 * @param home of the definition, with what is said of mistakes in shapes
 * @param totals sums over all weights, to which those of this optimizer are added
 */
function weightStepOf(
  { definition, states, inside: around }: Rules,
  shape: Shape,
  home: Environment,
  totals: Expr[] = [],
): WeightStep | undefined {
  const names = leaves(shape);
  for (const { name } of states) names.set(name, tensor(leaf(name, shape, false)));
  names.set('sum_over_weights', overWeights(totals, states));
  const nextStates: WeightStep['nextStates'][number][] = [];
  if (around) {
    const own = new Set(around.rules.states.map((s) => s.name));
    for (const name of own) names.delete(name);
    names.set(around.parameter, stepInside(around, shape, home, totals, nextStates));
  }
  const lets = new Map<string, Term>();
  const scope = inside(inside(home, names), lets);
  let nextWeight: Expr | undefined;
  for (const rule of definition.rules ?? []) {
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

/** The optimizer inside as a function of the gradient: what it makes of the weight. Its states move by that gradient. */
function stepInside(
  { parameter, rules }: NonNullable<Rules['inside']>,
  shape: Shape,
  home: Environment,
  totals: Expr[],
  nextStates: WeightStep['nextStates'][number][],
): Term {
  let asked = false;
  return {
    kind: 'function',
    name: parameter,
    apply: (gradient) => {
      if (asked) throw new ShapeError(`\`${parameter}\` steps once: keep what it gives in a \`let\``);
      asked = true;
      const before = totals.length;
      const step = weightStepOf(rules, shape, { ...rules.home, onShape: home.onShape }, totals);
      if (step === undefined) throw new ShapeError(`\`${rules.definition.name.text}\` gives no step`);
      const given = (expr: Expr): Expr => withGradient(expr, gradient);
      for (let i = before; i < totals.length; i++) totals[i] = given(totals[i] as Expr);
      nextStates.push(...step.nextStates.map(({ name, value }) => ({ name, value: given(value) })));
      return given(step.nextWeight);
    },
  };
}

function withGradient(expr: Expr, gradient: Expr): Expr {
  if (expr.kind === 'leaf') return expr.name === 'gradient' ? gradient : expr;
  return expr.kind === 'apply' ? { ...expr, args: expr.args.map((arg) => withGradient(arg, gradient)) } : expr;
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
function stepsOfWeights(rules: Rules, model: ModelInstance): Map<string, WeightStep> | undefined {
  const { home } = rules;
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
        (thinned ? thinnedStep(rules, shape, { ...home, onShape }) : weightStepOf(rules, shape, { ...home, onShape }));
      if (step === undefined) return undefined;
      byShape.set(key, step);
      steps.set(weight, step);
    }
  return steps;
}

/** Of a thinned link only the connections that exist count, and they have no axes. */
function thinnedStep(rules: Rules, shape: Shape, home: Environment): WeightStep | undefined {
  const step = weightStepOf(rules, shape, home);
  if (step === undefined) return undefined;
  try {
    return {
      nextStates: step.nextStates.map((s) => ({ ...s, value: overConnections(s.value, shape) })),
      nextWeight: overConnections(step.nextWeight, shape),
      ...(step.totals ? { totals: step.totals.map((x) => overConnections(x, shape)) } : {}),
    };
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    shapeMistake(home, rules.definition.name.span, error.message);
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
