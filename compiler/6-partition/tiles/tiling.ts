/**
 * Which nodes are cut into tiles, and how weights follow: every link keeps its weights on one side of a border, so a
 * weight is cut along the axis of the node on that side.
 */
import { type Shape, type State, sizeOf } from '../../../spec/program.ts';
import type { Graph, GraphLink, GraphNode } from '../../4-graph/graph.ts';
import { weightName } from '../../4-graph/graph.ts';
import type { Expr } from '../../operators/expr.ts';
import { operators } from '../../operators/table.ts';
import { sideOf } from '../shards/pieces.ts';

/** A tensor cut along one axis: tile i has elements offsets[i] … offsets[i + 1] - 1 of it, and lives with tile i of `node`. */
export interface Layout {
  readonly node: string;
  readonly axis: number;
  readonly offsets: readonly number[];
}

/** Where nodes are cut, along their first axis: 0, …, its size. Nodes that are not cut are missing. */
export type Tiling = ReadonlyMap<string, readonly number[]>;

export function sameLayout(a: Layout | undefined, b: Layout | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.node === b.node &&
    a.axis === b.axis &&
    a.offsets.length === b.offsets.length &&
    a.offsets.every((n, i) => n === b.offsets[i])
  );
}

/** Layouts of the weights and drawn values of a graph, by name. */
export function weightLayouts(graph: Graph, tiling: Tiling): Map<string, Layout> {
  const found = new Map<string, Layout>();
  const note = (id: string, layout: Layout | undefined): void => {
    if (layout) found.set(id, layout);
  };
  for (const link of graph.links)
    for (const weight of link.weights)
      note(weightName(link.name, weight.name), linkWeightLayout(graph, tiling, link, weight.shape));
  for (const node of graph.nodes) {
    for (const weight of node.weights)
      if (String(weight.shape) === String(node.shape))
        note(weightName(node.name, weight.name), valueLayout(node, tiling, 0));
    note(`${node.name}:start`, valueLayout(node, tiling, 0));
  }
  return found;
}

/** @param batchAxes 1 where a batch stands in front */
export function valueLayout(node: GraphNode, tiling: Tiling, batchAxes: number): Layout | undefined {
  const offsets = tiling.get(node.name);
  return offsets && { node: node.name, axis: batchAxes, offsets };
}

function linkWeightLayout(graph: Graph, tiling: Tiling, link: GraphLink, shape: Shape): Layout | undefined {
  const side = sideOf(graph, link);
  const name = shape.length < 2 || side === 'target' ? link.target : link.source;
  const axis = shape.length < 2 || side === 'target' ? 0 : 1;
  const node = graph.nodes.find((n) => n.name === name);
  const offsets = tiling.get(name);
  if (!node || !offsets || shape.length > 2 || shape[axis] !== sizeOf(node.shape)) return undefined;
  const inner = sizeOf(node.shape) / (node.shape[0] ?? 1);
  return { node: name, axis, offsets: offsets.map((n) => n * inner) };
}

/** The layout of a state of the program. */
export function stateLayout(
  graph: Graph,
  tiling: Tiling,
  layouts: ReadonlyMap<string, Layout>,
  state: State,
): Layout | undefined {
  if (state.role === 'memory') {
    const name = /^memory:[^:]+:(.+)#\d+$/.exec(state.id)?.[1];
    const node = graph.nodes.find((n) => n.name === name);
    return node && valueLayout(node, tiling, 1);
  }
  return (
    layouts.get(state.id) ??
    (state.role === 'statistic' || state.role === 'optimizer' || state.role === 'sum'
      ? layouts.get(state.id.slice(0, state.id.lastIndexOf(':')))
      : undefined)
  );
}

/** What a link may do and still be cut: products over whole rows, and what is done element by element. */
const CUTTABLE = new Set(['matmul', 'reshape', 'transpose', 'broadcast']);

/** How many tiles a node can have: 1 where its energy, its activation or a link of it couples its units. */
export function mostTiles(graph: Graph, node: GraphNode): number {
  if (node.shape.length === 0 || !isUnitwise(node.energy) || !isUnitwise(node.activation)) return 1;
  const links = graph.links.filter((l) => l.source === node.name || l.target === node.name);
  if (node.shape.length > 1 && node.role !== 'sense') return 1;
  return links.every((l) => uses(l.body, (op) => CUTTABLE.has(op) || isElementwise(op))) ? (node.shape[0] ?? 1) : 1;
}

function isUnitwise(expr: Expr): boolean {
  return uses(expr, (op) => isElementwise(op));
}

function isElementwise(op: string): boolean {
  return operators[op as keyof typeof operators].elementwise;
}

function uses(expr: Expr, allowed: (op: string) => boolean): boolean {
  return isFixed(expr) || (expr.kind === 'apply' ? allowed(expr.op) && expr.args.every((a) => uses(a, allowed)) : true);
}

/** Made of constants alone: every shard makes it for itself, and cuts it as it likes. */
function isFixed(expr: Expr): boolean {
  return expr.kind === 'constant' || (expr.kind === 'apply' && expr.args.every(isFixed));
}
