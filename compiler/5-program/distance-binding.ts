/** `distance`, which the energy or value of a node may read: a number that the task's clamps decide. */
import { distances } from '../4-graph/distance.ts';
import type { Graph } from '../4-graph/graph.ts';
import type { Expr } from '../operators/expr.ts';
import { leavesOf } from './leaves.ts';
import type { Bindings } from './lower-expression.ts';

interface Held {
  readonly graph: Graph;
  readonly clamps: ReadonlyMap<string, unknown>;
}

/** Of every network that was asked for. */
const known = new WeakMap<Held, ReadonlyMap<string, number>>();

/** @param expr of the node: nothing is counted where it does not read it */
export function distanceBinding(network: Held, node: string, expr: Expr): Bindings {
  if (!leavesOf(expr).has('distance')) return {};
  const found = known.get(network) ?? distances(network.graph, outputsOf(network));
  known.set(network, found);
  return { distance: { scalar: found.get(node) ?? -1 } };
}

/** Clamped nodes that some link predicts; where there are none, as in most predictions, nodes that predict no other. */
function outputsOf({ graph, clamps }: Held): Set<string> {
  const predicted = new Set(graph.links.map((l) => l.target));
  const held = [...clamps.keys()].filter((name) => predicted.has(name));
  if (held.length > 0) return new Set(held);
  const sources = new Set(graph.links.map((l) => l.source));
  return new Set(graph.nodes.flatMap(({ name }) => (sources.has(name) ? [] : [name])));
}
