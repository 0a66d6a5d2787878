/**
 * The augmented Lagrangian of PC-ALM (Seely and Gould 2026, arXiv 2605.31022): a multiplier for every value of a free node
 * keeps it at its prediction, so that credit goes on through many layers (equation 7b). Multipliers stay with their
 * node; neighbours send each other what they do under inference learning.
 */
import { dualName, nodeOrigin } from '../../../spec/names.ts';
import { type Carry, sameShape } from '../../../spec/program.ts';
import type { GraphNode } from '../../4-graph/graph.ts';
import type { Value } from '../../operators/operator.ts';
import { since } from '../arrivals.ts';
import type { BlockBuilder } from '../builder.ts';
import {
  batchedShape,
  type Evaluation,
  freeNodes,
  get,
  type Network,
  type Values,
  withoutSweep,
  zeros,
} from '../network.ts';
import { after, carried, energyGradients, inside } from '../training.ts';

export interface Multipliers {
  /** What the energies of constrained nodes are multiplied by. */
  readonly rho: number;
  /** Rate of the multipliers; at 0 there are none. */
  readonly alpha: number;
}

export interface Bound {
  readonly evaluation: Evaluation;
  readonly carries: Carry[];
  readonly rests?: undefined;
  /** Multipliers as the last tick leaves them. */
  readonly settled: Values;
}

/** Nodes that are to end at their predictions: free in all samples, and predicted. */
function constrained(network: Network, { energies, mu }: Evaluation): GraphNode[] {
  return freeNodes(network).filter(({ name }) => !network.clamps.has(name) && energies.has(name) && mu.has(name));
}

/** In a tick: the multipliers move by what the tick before has left, and the energies get their terms. */
export function withMultipliers(
  body: BlockBuilder,
  outside: BlockBuilder,
  network: Network,
  evaluation: Evaluation,
  { rho, alpha }: Multipliers,
): Bound {
  const nodes = constrained(network, evaluation);
  const settled = new Map<string, Value>();
  if (alpha === 0) return { evaluation: lagrangian(body, network, evaluation, new Map(), rho), carries: [], settled };
  const energies = new Map(nodes.map(({ name }) => [name, get(evaluation.energies, name)]));
  const predictions = nodes.map(({ name }) => get(evaluation.mu, name));
  const errors = energyGradients(body, { ...evaluation, energies }, predictions);
  const rate = body.scalar({ op: 'mul', args: [alpha, since(1)] });
  const duals = new Map<string, Value>();
  const carries: Carry[] = [];
  for (const node of nodes) {
    const { name } = node;
    const error = errors.get(get(evaluation.mu, name).id);
    if (!error) continue;
    body.origin = nodeOrigin(name);
    const none = zeros(outside, batchedShape(network, node));
    const moved = body.op('sub', [inside(dualName(name), none), body.op('mul', [error, rate])]);
    carries.push(carried(dualName(name), none, moved));
    settled.set(name, after(dualName(name), none));
    // Of the same tick's values, but no function of them.
    duals.set(name, body.op('reshape', [moved], { shape: [...moved.shape], oneWay: true }));
  }
  body.origin = undefined;
  return { evaluation: lagrangian(body, network, evaluation, duals, rho), carries, settled };
}

/** rho E + dual ∘ (z - mu), of each constrained node. */
export function lagrangian(
  builder: BlockBuilder,
  network: Network,
  evaluation: Evaluation,
  duals: Values,
  rho: number,
): Evaluation {
  const energies = new Map(evaluation.energies);
  for (const { name } of constrained(network, evaluation)) {
    builder.origin = nodeOrigin(name);
    const energy = get(energies, name);
    const weighed = rho === 1 ? energy : builder.op('mul', [energy, builder.constant(rho)]);
    const dual = duals.get(name);
    if (!dual) {
      energies.set(name, weighed);
      continue;
    }
    const given = { z: get(evaluation.z, name), mu: get(evaluation.mu, name) };
    const { z, mu } = withoutSweep(builder, network, name, given);
    const residual = builder.op('sub', [z, mu]);
    const term = builder.op('mul', [dual, residual]);
    const parts = sameShape(weighed.shape, term.shape)
      ? [weighed, term]
      : [weighed, term].map((part) => sumOfSample(builder, part));
    energies.set(name, builder.op('add', parts));
  }
  builder.origin = undefined;
  return { ...evaluation, energies };
}

function sumOfSample(builder: BlockBuilder, value: Value): Value {
  const axes = value.shape.map((_, i) => i).slice(1);
  return axes.length === 0 ? value : builder.op('sum', [value], { axes });
}
