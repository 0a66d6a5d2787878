/** Exact nodes: their values follow from those that predict them, so errors pass through them within a tick. */
import { append } from '../../spec/append.ts';
import type { Graph, GraphNode } from './graph.ts';
import { components } from './order.ts';

/** Of every graph that was asked for. */
const ordered = new WeakMap<Graph, readonly GraphNode[]>();

/** The exact nodes, each behind those that predict it without delay: cycles of them alone are refused. */
export function exactNodes(graph: Graph): readonly GraphNode[] {
  const known = ordered.get(graph);
  if (known) return known;
  const byName = new Map(graph.nodes.flatMap((n) => (n.value ? [[n.name, n] as const] : [])));
  const links = graph.links.filter((l) => byName.has(l.source) && byName.has(l.target));
  const order = components({ name: graph.name, nodes: [...byName.values()], links });
  const found = order.flatMap(({ nodes }) => nodes.flatMap((name) => byName.get(name) ?? []));
  ordered.set(graph, found);
  return found;
}

interface Way {
  readonly source: string;
  readonly target: string;
}

/** Undelayed links between nodes that are not exact, those through exact ones among them. */
export function linksThroughExact(graph: Graph): Way[] {
  const undelayed = graph.links.filter((l) => l.delay === 0);
  const exact = exactNodes(graph);
  if (exact.length === 0) return undelayed;
  const behind = new Map<string, Set<string>>(exact.map(({ name }) => [name, new Set()]));
  const into = new Map<string, string[]>();
  for (const { source, target } of undelayed) append(into, target, source);
  const sourcesOf = (target: string): string[] =>
    (into.get(target) ?? []).flatMap((source) => [...(behind.get(source) ?? [source])]);
  for (const { name } of exact) behind.set(name, new Set(sourcesOf(name)));
  return graph.nodes
    .filter((n) => !n.value)
    .flatMap(({ name: target }) => [...new Set(sourcesOf(target))].map((source) => ({ source, target })));
}
