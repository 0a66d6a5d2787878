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
import { gradients } from '../gradient.ts';
import { batchedShape, type Evaluation, freeNodes, get, type Network, type Values, zeros } from '../network.ts';
import { after, carried, inside } from '../training.ts';

export interface Multipliers {
  /** What the energies of constrained nodes are multiplied by. */
  readonly rho: number;
  /** Rate of the multipliers; at 0 there are none. */
  readonly alpha: number;
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
): { readonly evaluation: Evaluation; readonly carries: Carry[] } {
  const nodes = constrained(network, evaluation);
  if (alpha === 0) return { evaluation: lagrangian(body, nodes, evaluation, new Map(), rho), carries: [] };
  const one = (value: Value): Value => body.op('broadcast', [body.constant(1)], { shape: [...value.shape] });
  const errors = gradients(
    body,
    nodes.map(({ name }) => get(evaluation.energies, name)).map((value) => ({ value, gradient: one(value) })),
    nodes.map(({ name }) => get(evaluation.mu, name)),
  );
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
    // Of the same tick's values, but no function of them.
    duals.set(name, body.op('reshape', [moved], { shape: [...moved.shape], oneWay: true }));
  }
  body.origin = undefined;
  return { evaluation: lagrangian(body, nodes, evaluation, duals, rho), carries };
}

/** Behind the last tick: the energies with the multipliers as it has left them. */
export function withSettledMultipliers(
  builder: BlockBuilder,
  network: Network,
  evaluation: Evaluation,
  carries: readonly Carry[],
  { rho }: Multipliers,
): Evaluation {
  const nodes = constrained(network, evaluation);
  const made = new Set(carries.map((c) => c.result));
  const duals = new Map<string, Value>();
  for (const node of nodes) {
    const dual = after(dualName(node.name), { id: '', shape: batchedShape(network, node) });
    if (made.has(dual.id)) duals.set(node.name, dual);
  }
  return lagrangian(builder, nodes, evaluation, duals, rho);
}

/** rho E + dual ∘ (z - mu), of each node. */
function lagrangian(
  builder: BlockBuilder,
  nodes: readonly GraphNode[],
  evaluation: Evaluation,
  duals: Values,
  rho: number,
): Evaluation {
  const energies = new Map(evaluation.energies);
  for (const { name } of nodes) {
    builder.origin = nodeOrigin(name);
    const energy = get(energies, name);
    const weighed = rho === 1 ? energy : builder.op('mul', [energy, builder.constant(rho)]);
    const dual = duals.get(name);
    if (!dual) {
      energies.set(name, weighed);
      continue;
    }
    const residual = builder.op('sub', [get(evaluation.z, name), get(evaluation.mu, name)]);
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
