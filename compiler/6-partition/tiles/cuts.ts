/**
 * Along which axis a node can be cut, and how the weights of its links follow: dense layers by units, pictures by
 * channels. Every link keeps its weights on one side of a border, so they are cut as the node on that side is; where
 * they cannot be, or where an energy or a link couples what would be in different tiles, the node stays whole.
 */
import type { Shape } from '../../../spec/program.ts';
import { type Graph, type GraphLink, type GraphNode, weightName } from '../../4-graph/graph.ts';
import { isCompressed } from '../../5-program/sparse-weights.ts';
import type { Expr } from '../../operators/expr.ts';
import { operators } from '../../operators/table.ts';
import { type Side, sideOf } from '../shards/pieces.ts';
import type { Layout } from './layout.ts';
import { type Found, traceDown, traceUp } from './trace.ts';

/** A node has `units` parts of `step` elements each along one of its axes. */
export interface NodeCut {
  readonly axis: number;
  readonly units: number;
  readonly step: number;
}

/** A weight has `step` elements in each of `groups` runs along the axis for every unit of the node. */
export interface WeightCut {
  readonly node: string;
  readonly axis: number;
  readonly groups: number;
  readonly step: number;
}

export interface Cuts {
  /** Nodes that have more than one unit. */
  readonly nodes: ReadonlyMap<string, NodeCut>;
  /** By the weight's name. */
  readonly weights: ReadonlyMap<string, WeightCut>;
}

const known = new WeakMap<Graph, Cuts>();

export function cutsOf(graph: Graph): Cuts {
  const before = known.get(graph);
  if (before) return before;
  const ends = new Map<string, End[]>(graph.nodes.map((node) => [node.name, []]));
  const sides = graph.links.map((link) => sideOf(graph, link));
  graph.links.forEach((link, i) => {
    for (const end of ['source', 'target'] as const) ends.get(link[end])?.push({ link, end, side: sides[i] as Side });
  });
  const nodes = new Map<string, NodeCut>();
  for (const node of graph.nodes) {
    const cut = nodeCut(node, ends.get(node.name) ?? []);
    if (cut) nodes.set(node.name, cut);
  }
  const shapes = new Map(graph.nodes.map((node) => [node.name, node.shape]));
  const weights = new Map<string, WeightCut>();
  graph.links.forEach((link, i) => {
    for (const [name, cut] of linkCuts(link, sides[i] as Side, nodes, shapes))
      weights.set(weightName(link.name, name), cut);
  });
  const cuts = { nodes, weights };
  known.set(graph, cuts);
  return cuts;
}

interface End {
  readonly link: GraphLink;
  readonly end: Side;
  /** Where the link's weights live. */
  readonly side: Side;
}

/** Along the axis that has most units; the first of equals. */
function nodeCut(node: GraphNode, ends: readonly End[]): NodeCut | undefined {
  if (!isUnitwise(node.energy) || !isUnitwise(node.activation)) return undefined;
  let best: NodeCut | undefined;
  for (const [axis, units] of node.shape.entries())
    if (units > Math.max(1, best?.units ?? 0) && ends.every((end) => splits(end, node.shape, axis)))
      best = { axis, units, step: 1 };
  return best;
}

/** Whether the link can go on with the node at its end cut along the axis. */
function splits({ link, end, side }: End, shape: Shape, axis: number): boolean {
  const found: Found = new Map();
  const unit = unitOf(shape, axis);
  if (end === 'target' && !traceDown(link.body, unit, found)) return false;
  if (end === 'source') {
    const { coupled, normalised } = traceUp(link.body, 'source', unit, found);
    if (coupled || (normalised && largeWeights(link).length === 0)) return false;
  }
  return side !== end || hasAll(found, link);
}

/** One unit, and all others. */
function unitOf(shape: Shape, axis: number): Layout {
  return { node: '', axis, offsets: [0, 1, shape[axis] ?? 1], groups: 1 };
}

/** Weights that are more than a number for each unit. */
function largeWeights({ weights }: GraphLink): readonly GraphLink['weights'][number][] {
  return weights.filter((w) => w.shape.length >= 2);
}

function hasAll(found: Found, link: GraphLink): boolean {
  return largeWeights(link).every((w) => found.has(w.name) && !isCompressed(link, w));
}

/** How the weights of a link are cut: small ones with the target, which adds them, large ones on their side. */
function linkCuts(
  link: GraphLink,
  side: Side,
  nodes: ReadonlyMap<string, NodeCut>,
  shapes: ReadonlyMap<string, Shape>,
): Map<string, WeightCut> {
  const cuts = new Map<string, WeightCut>();
  const traced = (end: Side, wanted: (rank: number) => boolean): void => {
    const name = link[end];
    const node = nodes.get(name);
    if (!node) return;
    const found: Found = new Map();
    const unit = unitOf(shapes.get(name) ?? [], node.axis);
    if (end === 'target') traceDown(link.body, unit, found);
    else traceUp(link.body, 'source', unit, found);
    for (const weight of link.weights) {
      const at = found.get(weight.name);
      if (at && wanted(weight.shape.length) && !isCompressed(link, weight))
        cuts.set(weight.name, { node: name, axis: at.axis, groups: at.groups, step: at.offsets[1] ?? 1 });
    }
  };
  traced('target', (rank) => rank < 2);
  traced(side, (rank) => rank >= 2);
  return cuts;
}

function isUnitwise(expr: Expr): boolean {
  return expr.kind !== 'apply' || (operators[expr.op].elementwise && expr.args.every(isUnitwise));
}
