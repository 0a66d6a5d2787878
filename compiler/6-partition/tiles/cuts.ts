/**
 * Along which axis a node can be cut, and how the weights of its links follow: dense layers by units, pictures by
 * channels, attention by heads. Every link keeps its weights on one side of a border, so they are cut as the node on
 * that side is, or along what lies between them (heads), as many for each of its units; where neither can be, or where
 * an energy or a link couples what would be in different tiles, the node stays whole.
 */
import { weightName } from '../../../spec/names.ts';
import type { Shape } from '../../../spec/program.ts';
import type { Graph, GraphLink, GraphNode } from '../../4-graph/graph.ts';
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
  if (node.value || !isUnitwise(node.energy) || !isUnitwise(node.activation)) return undefined;
  let best: NodeCut | undefined;
  for (const [axis, size] of node.shape.entries()) {
    const units = ends.reduce((most, end) => divisor(most, unitsAt(end, node.shape, axis)), size);
    if (units > Math.max(1, best?.units ?? 0)) best = { axis, units, step: size / units };
  }
  return best;
}

/** Into how many equal units the link at an end lets the node be cut along the axis. */
function unitsAt({ link, end, side }: End, shape: Shape, axis: number): number {
  const found: Found = new Map();
  const size = shape[axis] ?? 1;
  const unit = unitOf(axis, size);
  if (end === 'target' && !traceDown(link.body, unit, found)) return 1;
  if (end === 'source') {
    const { coupled, normalised } = traceUp(link.body, 'source', unit, found);
    if (coupled || (normalised && largeWeights(link).length === 0)) return 1;
  }
  if (side !== end || hasAll(found, link)) return size;
  return innerCut(link)?.count ?? 1;
}

/** The units between the large weights of a link: heads, or hidden units. */
interface InnerCut {
  readonly count: number;
  /** Of each weight, cut into single ones of them. */
  readonly found: Found;
}

/** An axis of one weight along which the link can be done in parts that are only added up, behind the last weight. */
function innerCut(link: GraphLink): InnerCut | undefined {
  const [first, ...others] = largeWeights(link);
  if (!first || others.length === 0) return undefined;
  let best: InnerCut | undefined;
  for (const [axis, count] of first.shape.entries()) {
    const found: Found = new Map();
    const { coupled, normalised, sums } = traceUp(link.body, first.name, unitOf(axis, count), found);
    if (!coupled && !normalised && sums === 1 && hasAll(found, link) && count > (best?.count ?? 1))
      best = { count, found };
  }
  return best;
}

/** The largest number by which both can be divided. */
function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** The first of `size` elements, and all others. */
function unitOf(axis: number, size: number): Layout {
  return { node: '', axis, offsets: [0, 1, size], groups: 1 };
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
  const follow = (end: Side, wanted: (rank: number) => boolean): void => {
    const name = link[end];
    const node = nodes.get(name);
    if (!node) return;
    const { found, step } = tracedFrom(link, end, node, shapes.get(name) ?? [], end === side);
    for (const weight of link.weights) {
      const at = found.get(weight.name);
      if (at && wanted(weight.shape.length) && !isCompressed(link, weight))
        cuts.set(weight.name, { node: name, axis: at.axis, groups: at.groups, step: step * (at.offsets[1] ?? 1) });
    }
  };
  follow('target', (rank) => rank < 2);
  follow(side, (rank) => rank >= 2);
  return cuts;
}

/** Where the weights of a link are cut with a node at its end; `step` of their parts belong to each of its units. */
function tracedFrom(
  link: GraphLink,
  end: Side,
  { axis, units, step }: NodeCut,
  shape: Shape,
  hasWeights: boolean,
): { found: Found; step: number } {
  const found: Found = new Map();
  const unit = unitOf(axis, shape[axis] ?? 1);
  if (end === 'target') traceDown(link.body, unit, found);
  else traceUp(link.body, 'source', unit, found);
  const inner = hasWeights && !hasAll(found, link) ? innerCut(link) : undefined;
  return inner ? { found: inner.found, step: inner.count / units } : { found, step };
}

function isUnitwise(expr: Expr): boolean {
  return expr.kind !== 'apply' || (operators[expr.op].elementwise && expr.args.every(isUnitwise));
}
