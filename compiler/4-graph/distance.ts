/** How far each node is from the outputs: as many ticks as an error takes to come to it at the earliest. */
import { append } from '../../spec/append.ts';
import type { Graph } from './graph.ts';

/**
 * Undelayed links on the shortest way from each node to an output, -1 where there is none. An error passes through an
 * exact node within the tick: such a node is as near as what it predicts.
 */
export function distances(graph: Graph, outputs: ReadonlySet<string>): Map<string, number> {
  const exact = new Set(graph.nodes.flatMap((n) => (n.value ? [n.name] : [])));
  const sources = new Map<string, string[]>();
  for (const link of graph.links) if (link.delay === 0) append(sources, link.target, link.source);
  const found = new Map<string, number>();
  let front = [...outputs];
  for (let distance = 0; front.length > 0; distance++) {
    const next: string[] = [];
    // Exact nodes are appended to what is being gone through.
    for (const name of front) {
      if (found.has(name)) continue;
      found.set(name, distance);
      for (const source of sources.get(name) ?? []) (exact.has(source) ? front : next).push(source);
    }
    front = next;
  }
  return new Map(graph.nodes.map(({ name }) => [name, found.get(name) ?? -1]));
}
