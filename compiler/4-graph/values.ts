/**
 * `values = clusters | borders` of a task: which nodes keep values that settle. All others become exact before a program
 * is made of the graph, whatever it is made for (semantics.md, equation 2b).
 */
import { constant, leaf } from '../operators/expr.ts';
import type { Graph, GraphLink, GraphNode } from './graph.ts';
import { components } from './order.ts';

/** The graph in which only these nodes, and those that are exact as written, are what they were. */
export function keepingValues(graph: Graph, kept: ReadonlySet<string>): Graph {
  return { ...graph, nodes: graph.nodes.map((node) => (node.value || kept.has(node.name) ? node : madeExact(node))) };
}

function madeExact(node: GraphNode): GraphNode {
  const value = leaf('mu', node.shape);
  return { ...node, energy: constant(0), energyKind: 'exact', value, clampedOnly: false, weights: [] };
}

/**
 * Nodes that keep their values under every setting: senses, those that tasks ask for, those that nothing predicts or
 * that have several predictions, and those of undelayed cycles.
 *
 * @param asked nodes that a task clamps (in any sample or element), begins elsewhere, or reads the energy of
 */
export function valuesNeeded(graph: Graph, asked: ReadonlySet<string>): Set<string> {
  const predicted = new Set(graph.links.map((l) => l.target));
  const apart = new Set(graph.links.flatMap((l) => (l.apart ? [l.target] : [])));
  const cyclic = new Set(components(graph).flatMap((c) => (c.cyclic ? c.nodes : [])));
  const needs = ({ name, role }: GraphNode): boolean =>
    role === 'sense' || asked.has(name) || !predicted.has(name) || apart.has(name) || cyclic.has(name);
  return new Set(graph.nodes.filter((n) => !n.value && needs(n)).map((n) => n.name));
}

/** With `clusters`: what clusters expose, and what lies in none. */
export function valuesExposed(graph: Graph): Set<string> {
  return new Set(graph.nodes.filter((n) => !n.internal).map((n) => n.name));
}

/**
 * With `borders`: targets of links that cross from one shard to another, and nodes that are tiled or joined to one that
 * is. Links through nodes that are exact as written are one link, whose target is behind them.
 *
 * @param places shards of each node: several where it is tiled
 * @param isFed whether what a link reads is in the data that every shard is fed: nothing crosses there
 */
export function valuesAtBorders(
  graph: Graph,
  places: ReadonlyMap<string, ReadonlySet<number>>,
  isFed: (link: GraphLink) => boolean = () => false,
): Set<string> {
  const shardsOf = (name: string): readonly number[] => [...(places.get(name) ?? [])];
  const tiled = (name: string): boolean => shardsOf(name).length > 1;
  const kept = new Set(graph.nodes.map((n) => n.name).filter(tiled));
  const exact = linksFromExact(graph);
  for (const link of graph.links) {
    const { source, target } = link;
    const crosses = tiled(source) || shardsOf(source)[0] !== shardsOf(target)[0];
    if (crosses && !isFed(link)) for (const name of behindExact(target, exact)) kept.add(name);
    if (tiled(target)) kept.add(source);
  }
  return kept;
}

/** Of each node that is exact as written, where its undelayed links end. */
function linksFromExact(graph: Graph): Map<string, string[]> {
  const exact = new Map(graph.nodes.flatMap((n): [string, string[]][] => (n.value ? [[n.name, []]] : [])));
  for (const { source, target, delay } of graph.links) if (delay === 0) exact.get(source)?.push(target);
  return exact;
}

/** The node itself; where it is exact, those that links through exact nodes end in. */
function behindExact(node: string, exact: ReadonlyMap<string, readonly string[]>): string[] {
  const seen = new Set([node]);
  // A set goes on through what is added to it on the way.
  for (const name of seen) for (const next of exact.get(name) ?? []) seen.add(next);
  return [...seen].filter((name) => !exact.has(name));
}

/** Nodes with values of their own that are not held at the sample's in every sample: what a command tells. */
export function settledNodes(graph: Graph, held: ReadonlySet<string>): string[] {
  return graph.nodes.filter((n) => !n.value && !held.has(n.name)).map((n) => n.name);
}
