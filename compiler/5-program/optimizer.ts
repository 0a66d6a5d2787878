/** A weight step: the optimiser's expressions applied to every weight that has a gradient. */
import { besideName, connectionsName, weightOrigin } from '../../spec/names.ts';
import { type ScalarExpr, type Shape, type State, sameShape } from '../../spec/program.ts';
import type { OptimizerInstance } from '../3-check/checked.ts';
import { DECAY_SHARE } from '../3-check/optimizer.ts';
import { CONNECTION, totalName } from '../3-check/reductions.ts';
import type { Expr } from '../operators/expr.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { type Bindings, lowerExpression, lowerScalar } from './lower-expression.ts';
import { staysZero } from './stays-zero.ts';

export function optimizerStates(optimizer: OptimizerInstance, weight: State): State[] {
  return optimizer.states.map((s) => ({
    id: besideName(weight.id, s.name),
    shape: weight.shape,
    role: 'optimizer',
    init: { kind: 'constant', value: s.init },
  }));
}

/**
 * A weight that is thinned begins as zero where no connection is, and stays so: its gradient there is taken for zero, and so
 * is what else an optimiser would move it by.
 *
 * @param update which update this is, from 0; @param updates how many there will be in the whole training
 * @returns the new value of the weight and of each of its states, by id
 */
export function step(
  builder: BlockBuilder,
  optimizer: OptimizerInstance,
  weight: MovingWeight,
  stateValue: (id: string) => Value,
  update: ScalarExpr,
  updates: ScalarExpr,
  totals: Bindings = {},
): Map<string, Value> {
  const bindings = { ...bindingsOf(builder, optimizer, weight, update, updates), ...totals };
  for (const s of optimizer.states) bindings[s.name] = { value: stateValue(besideName(weight.name, s.name)) };
  const own = optimizer.ofWeights?.get(weight.name) ?? optimizer;
  const { shape } = weight.value;
  const whole = (value: Expr): Value => fill(builder, lowerExpression(builder, value, bindings, 0), shape);
  const next = new Map<string, Value>();
  // The states move first, all from their old values; the weight then reads the new ones.
  const moved = own.nextStates.map((s) => [s.name, whole(s.value)] as const);
  for (const [name, value] of moved) {
    bindings[name] = { value };
    next.set(besideName(weight.name, name), value);
  }
  const moves = whole(own.nextWeight);
  const kept = weight.mask === undefined || staysZero(optimizer, own);
  next.set(weight.name, kept ? moves : builder.op('mul', [moves, weight.mask]));
  return next;
}

export interface MovingWeight {
  readonly name: string;
  readonly value: Value;
  readonly gradient: Value;
  readonly mask: Value | undefined;
  /** What the rate, and the optimiser's decay, are multiplied by; absent: 1. */
  readonly learn?: number | undefined;
  readonly decay?: number | undefined;
}

function bindingsOf(
  builder: BlockBuilder,
  optimizer: OptimizerInstance,
  weight: MovingWeight,
  update: ScalarExpr,
  updates: ScalarExpr,
): Record<string, Bindings[string]> {
  const counters: Bindings = { update: { scalar: update }, updates: { scalar: updates } };
  const rate = lowerScalar(optimizer.rate, counters);
  const bindings: Record<string, Bindings[string]> = {
    ...counters,
    step: { scalar: { op: 'add', args: [update, 1] } },
    rate: { scalar: weight.learn === undefined ? rate : { op: 'mul', args: [rate, weight.learn] } },
    [DECAY_SHARE]: { scalar: weight.decay ?? 1 },
    weight: { value: weight.value },
    gradient: { value: weight.mask ? builder.op('mul', [weight.gradient, weight.mask]) : weight.gradient },
  };
  const own = optimizer.ofWeights?.get(weight.name);
  const read = own && [own.nextWeight, ...own.nextStates.map((s) => s.value), ...(own.totals ?? [])];
  if (read?.some(readsConnections)) bindings[CONNECTION] = { value: weight.mask ?? connections(builder, weight) };
  return bindings;
}

/** The sums over all weights that move together, by their leaves; each may read those before it. */
export function totalsOf(
  builder: BlockBuilder,
  optimizer: OptimizerInstance,
  weights: readonly MovingWeight[],
  update: ScalarExpr,
  updates: ScalarExpr,
): Bindings {
  const found: Record<string, Bindings[string]> = {};
  (optimizer.totals ?? []).forEach((_, n) => {
    let sum: Value | undefined;
    for (const weight of weights) {
      builder.origin = weightOrigin(weight.name);
      const expr = (optimizer.ofWeights?.get(weight.name) ?? optimizer).totals?.[n];
      if (!expr) continue;
      const bindings = { ...bindingsOf(builder, optimizer, weight, update, updates), ...found };
      const part = lowerExpression(builder, expr, bindings, 0);
      builder.origin = undefined;
      sum = sum ? builder.op('add', [sum, part]) : part;
    }
    found[totalName(n)] = { value: sum ?? builder.constant(0) };
  });
  builder.origin = undefined;
  return found;
}

function readsConnections(expr: Expr): boolean {
  return expr.kind === 'leaf' ? expr.name === CONNECTION : expr.kind === 'apply' && expr.args.some(readsConnections);
}

/** 1 where the list of a thinned weight has a connection, 0 where it only has room for one. */
function connections(builder: BlockBuilder, { name, value }: { name: string; value: Value }): Value {
  const [room = 1] = value.shape;
  const places = { id: connectionsName(name), shape: [2, room] };
  const targets = builder.op('slice', [places], { axis: 0, from: 0, size: 1 });
  return builder.op('greater_equal', [builder.reshape(targets, [room]), builder.constant(0)]);
}

/** A number, or a row, stands for a whole tensor of it. */
function fill(builder: BlockBuilder, value: Value, shape: Shape): Value {
  return sameShape(value.shape, shape) ? value : builder.op('broadcast', [value], { shape: [...shape] });
}
