/** Inputs that every learning rule needs, and the pieces that they share. */
import { afterName, energyName, insideName, nodeOrigin, weightOrigin } from '../../spec/names.ts';
import type { Block, Carry, Result, ScalarExpr, State, Update } from '../../spec/program.ts';
import type { OptimizerInstance } from '../3-check/checked.ts';
import type { Value } from '../operators/operator.ts';
import { BlockBuilder, type Names } from './builder.ts';
import { gradients } from './gradient.ts';
import { learningOf, learns } from './learning.ts';
import type { Bindings } from './lower-expression.ts';
import { type Evaluation, get, type Network, type Values } from './network.ts';
import { type MovingWeight, step, totalsOf } from './optimizer.ts';

export interface Training {
  readonly network: Network;
  readonly names: Names;
  readonly optimizer: OptimizerInstance;
  /** Parameters by name, as they are before the batch. */
  readonly weights: Values;
  /** Of weights that are thinned and kept whole: 1 where a connection exists. */
  readonly masks: Values;
  /** The block that holds the clamps and the forward sweep, still open. */
  readonly start: BlockBuilder;
  /** Values after the forward sweep. */
  readonly z: Values;
  /** Weight gradients are divided by this: the batch size, and beta where the output is nudged (equation 9). */
  readonly gradientScale: Value | undefined;
  /** Where a lane leaves its part of the mean gradients; the weights then stay as they are. */
  readonly lane?: Map<string, Value>;
}

export interface Trained {
  /** Values of all nodes at the end: what delayed links will read. */
  readonly settled: Values;
  /** The blocks behind `start`. */
  readonly blocks: readonly Block[];
  readonly updates: readonly Update[];
  readonly results: readonly Result[];
}

export function newBlock(training: { names: Names }): BlockBuilder {
  return new BlockBuilder(training.names);
}

export function closeBlock(
  builder: BlockBuilder,
  name: string,
  repeat = 1,
  firstTick = 0,
  carries: readonly Carry[] = [],
): Block {
  return { name, repeat, firstTick, carries, scalars: builder.scalars, ops: builder.ops };
}

/** Where free nodes are their predictions, which costs them nothing: the energies of clamped nodes alone. */
export function clampedAlone(network: Network, evaluation: Evaluation): Evaluation {
  return { ...evaluation, energies: new Map([...evaluation.energies].filter(([node]) => network.clamps.has(node))) };
}

/**
 * Gradients of the total energy with respect to `targets`.
 * @param others further values, each with the gradient of the total with respect to it
 */
export function energyGradients(
  builder: BlockBuilder,
  evaluation: Evaluation,
  targets: readonly Value[],
  others: readonly { readonly value: Value; readonly gradient: Value }[] = [],
): Map<string, Value> {
  const seeds = [...evaluation.energies.values()].map((value) => ({
    value,
    gradient: builder.op('broadcast', [builder.constant(1)], { shape: [...value.shape] }),
  }));
  return gradients(builder, [...seeds, ...others], targets);
}

/** The mean energy of a sample, node by node (equation 16). */
export function reportEnergies(builder: BlockBuilder, network: Network, evaluation: Evaluation): Map<string, Value> {
  const reported = new Map<string, Value>();
  for (const [node, energy] of evaluation.energies) {
    builder.origin = nodeOrigin(node);
    const sum = builder.op('sum', [energy], {});
    reported.set(node, builder.op('mul', [sum, builder.constant(1 / network.samples)]));
  }
  builder.origin = undefined;
  return reported;
}

/**
 * The weight step (equation 6): theta descends the batch's mean gradient.
 * @param only names of the weights that move; all when absent
 */
export function weightStep(
  builder: BlockBuilder,
  training: Training,
  weights: Values,
  stateValue: (id: string) => Value,
  found: ReadonlyMap<string, Value>,
  counters: { update: ScalarExpr; updates: ScalarExpr },
  only?: ReadonlySet<string>,
): Map<string, Value> {
  const next = new Map<string, Value>();
  const moving: MovingWeight[] = [];
  const { optimizer } = training;
  const { update, updates } = counters;
  const move = (weight: MovingWeight, totals: Bindings): void => {
    builder.origin = weightOrigin(weight.name);
    for (const [id, v] of step(builder, optimizer, weight, stateValue, update, updates, totals)) next.set(id, v);
  };
  for (const [name, value] of weights) {
    const gradient = found.get(value.id);
    if (!gradient || (only && !only.has(name)) || !learns(name, training.network.graph)) continue;
    builder.origin = weightOrigin(name);
    let mean = builder.op('mul', [gradient, builder.constant(1 / training.network.samples)]);
    if (training.gradientScale) mean = builder.op('mul', [mean, training.gradientScale]);
    if (training.lane) {
      training.lane.set(name, mean);
      continue;
    }
    const shares = learningOf(training.network.graph).get(name);
    const weight = { name, value, gradient: mean, mask: training.masks.get(name), ...shares };
    if (optimizer.totals) moving.push(weight);
    else move(weight, {});
  }
  const totals = totalsOf(builder, optimizer, moving, update, updates);
  for (const weight of moving) move(weight, totals);
  builder.origin = undefined;
  return next;
}

export function energyResults(energies: Values): Result[] {
  return [...energies].map(([node, value]) => ({ name: energyName(node), value: value.id }));
}

export function toUpdates(next: ReadonlyMap<string, Value>): Update[] {
  return [...next].map(([state, value]) => ({ state, value: value.id }));
}

export function stateReader(states: readonly State[]): (id: string) => Value {
  const byId = new Map(states.map((s) => [s.id, { id: s.id, shape: s.shape }]));
  return (id) => get(byId, id);
}

/** A carry and the value that stands for it inside the body. */
export function carried(name: string, init: Value, next: Value): Carry {
  return { id: insideName(name), shape: init.shape, init: init.id, next: next.id, result: afterName(name) };
}

export function inside(name: string, of: Value): Value {
  return { id: insideName(name), shape: of.shape };
}

export function after(name: string, of: Value): Value {
  return { id: afterName(name), shape: of.shape };
}
