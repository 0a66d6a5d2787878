/** `frozen` of a task: weights that learn in other trainings of the model, and not in this one. */
import type { Graph } from './graph.ts';

/** @param frozen nodes whose own weights, and those of the links into them, stay as they begin */
export function withFrozen(graph: Graph, frozen: readonly string[] | undefined): Graph {
  if (frozen === undefined) return graph;
  const still = new Set(frozen);
  return {
    ...graph,
    nodes: graph.nodes.map((node) => (still.has(node.name) ? { ...node, learn: 0 } : node)),
    links: graph.links.map((link) => (still.has(link.target) ? { ...link, learn: 0 } : link)),
  };
}
