/** Which nodes are cut into tiles, and how values, weights and states follow. */
import { parseBeside, parseMemory, startName, weightName } from '../../../spec/names.ts';
import type { State } from '../../../spec/program.ts';
import type { Graph, GraphNode } from '../../4-graph/graph.ts';
import { cutsOf } from './cuts.ts';
import type { Layout } from './layout.ts';

/** Where nodes are cut: 0, …, the number of their units (`cutsOf`). Nodes that are not cut are missing. */
export type Tiling = ReadonlyMap<string, readonly number[]>;

/** How many tiles a node can have. */
export function mostTiles(graph: Graph, node: GraphNode): number {
  return cutsOf(graph).nodes.get(node.name)?.units ?? 1;
}

/** Layouts of the weights and drawn values of a graph, by name. */
export function weightLayouts(graph: Graph, tiling: Tiling): Map<string, Layout> {
  const found = new Map<string, Layout>();
  const { weights } = cutsOf(graph);
  for (const [name, { node, axis, groups, step }] of weights) {
    const units = tiling.get(node);
    if (units) found.set(name, { node, axis, groups, offsets: units.map((n) => n * step) });
  }
  for (const node of graph.nodes) {
    const layout = valueLayout(graph, node, tiling, 0);
    if (!layout) continue;
    for (const weight of node.weights)
      if (String(weight.shape) === String(node.shape)) found.set(weightName(node.name, weight.name), layout);
    found.set(startName(node.name), layout);
  }
  return found;
}

/** @param batchAxes 1 where a batch stands in front */
export function valueLayout(graph: Graph, node: GraphNode, tiling: Tiling, batchAxes: number): Layout | undefined {
  const units = tiling.get(node.name);
  const cut = cutsOf(graph).nodes.get(node.name);
  if (!units || !cut) return undefined;
  return { node: node.name, axis: batchAxes + cut.axis, groups: 1, offsets: units.map((n) => n * cut.step) };
}

/** The layout of a state of the program. */
export function stateLayout(
  graph: Graph,
  tiling: Tiling,
  layouts: ReadonlyMap<string, Layout>,
  state: State,
): Layout | undefined {
  if (state.role === 'memory') {
    const name = parseMemory(state.id)?.node;
    const node = graph.nodes.find((n) => n.name === name);
    return node && valueLayout(graph, node, tiling, 1);
  }
  return (
    layouts.get(state.id) ??
    (state.role === 'statistic' || state.role === 'optimizer' || state.role === 'sum'
      ? layouts.get(parseBeside(state.id)?.whole ?? '')
      : undefined)
  );
}
