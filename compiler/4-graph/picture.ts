/**
 * The picture of a graph: boxes in nested clusters, and the links between them. Small graphs are drawn node by
 * node; in larger ones arrays fold to one box each (`v1 ×16`), and then clusters, the innermost first.
 */
import type { Graph, GraphLink, GraphNode } from './graph.ts';
import { components } from './order.ts';

/** Boxes above which arrays fold, and above which clusters fold too. */
export interface Limits {
  readonly arrays: number;
  readonly clusters: number;
}

/** Elements of an array look alike, so folding them loses little; whole clusters fold only when nothing else helps. */
export const LIMITS: Limits = { arrays: 24, clusters: 60 };

export interface Box {
  /** `h1`, `cortex.v1[*]` for a folded array, `cortex` for a folded cluster. */
  readonly id: string;
  /** Names of the clusters around it, outermost first, each in full. */
  readonly clusters: readonly string[];
  readonly nodes: readonly GraphNode[];
  /** `array` of so many elements; `cluster`: all of its nodes. */
  readonly folded?: { readonly kind: 'array' | 'cluster'; readonly count: number };
}

export interface Arrow {
  readonly from: string;
  readonly to: string;
  /** Links that it stands for. */
  readonly links: readonly GraphLink[];
  readonly delay: number;
  /** Closes a cycle of undelayed links. */
  readonly back: boolean;
}

export interface Picture {
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

export function pictureOf(graph: Graph, limits: Limits = LIMITS): Picture {
  const [arrays, ...clusters] = foldingsOf(graph);
  let boxes = boxesOf(graph, (name) => ({ id: name }));
  if (arrays && boxes.length > limits.arrays) boxes = boxesOf(graph, arrays);
  for (const folding of clusters) {
    if (boxes.length <= limits.clusters) break;
    boxes = boxesOf(graph, folding);
  }
  const boxOf = new Map(boxes.flatMap((b) => b.nodes.map((n) => [n.name, b.id] as const)));
  return { boxes, arrows: arrowsOf(graph, boxes, boxOf) };
}

/** `cortex.v1[3].low` → [`cortex`, `v1[3]`, `low`]. */
function segments(name: string): string[] {
  return name.split('.');
}

/** The clusters around a name, outermost first: `cortex`, `cortex.v1[3]`. */
export function clustersAround(name: string): string[] {
  const parts = segments(name);
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('.'));
}

/** Where a node's box is, and what it stands for when folded. */
type Folding = (name: string) => { id: string; kind?: 'array' | 'cluster' };

/** In this order: arrays, then clusters of more than so many levels. */
function foldingsOf(graph: Graph): Folding[] {
  const arrays: Folding = (name) => {
    const parts = segments(name);
    const at = parts.findIndex((part) => /\[\d+\]$/.test(part));
    if (at < 0) return { id: name };
    const id = [...parts.slice(0, at), (parts[at] ?? '').replace(/\[\d+\]$/, '[*]')].join('.');
    return { id, kind: 'array' };
  };
  const depth = Math.max(0, ...graph.nodes.map((n) => segments(arrays(n.name).id).length - 1));
  const clusters = Array.from({ length: depth }, (_, i): Folding => {
    const levels = depth - i;
    return (name) => {
      const folded = arrays(name);
      const parts = segments(folded.id);
      return parts.length <= levels ? folded : { id: parts.slice(0, levels).join('.'), kind: 'cluster' };
    };
  });
  return [arrays, ...clusters];
}

function boxesOf(graph: Graph, folding: Folding): Box[] {
  const found = new Map<string, { nodes: GraphNode[]; kind: 'array' | 'cluster' | undefined }>();
  for (const node of graph.nodes) {
    const { id, kind } = folding(node.name);
    const box = found.get(id);
    if (box) box.nodes.push(node);
    else found.set(id, { nodes: [node], kind });
  }
  return [...found].map(([id, { nodes, kind }]) => {
    const clusters = clustersAround(id);
    return kind === undefined
      ? { id, clusters, nodes }
      : { id, clusters, nodes, folded: { kind, count: kind === 'array' ? elementsOf(id, nodes) : nodes.length } };
  });
}

/** Elements of a folded array: different indices at its own place. */
function elementsOf(id: string, nodes: readonly GraphNode[]): number {
  const at = segments(id).length - 1;
  return new Set(nodes.map((n) => segments(n.name)[at])).size;
}

function arrowsOf(graph: Graph, boxes: readonly Box[], boxOf: ReadonlyMap<string, string>): Arrow[] {
  const found = new Map<string, { from: string; to: string; links: GraphLink[]; delay: number }>();
  for (const link of graph.links) {
    const from = boxOf.get(link.source) ?? link.source;
    const to = boxOf.get(link.target) ?? link.target;
    if (from === to && isInside(boxes, from, link)) continue;
    const key = `${from}\n${to}\n${link.delay}`;
    const arrow = found.get(key);
    if (arrow) arrow.links.push(link);
    else found.set(key, { from, to, links: [link], delay: link.delay });
  }
  const back = backLinks(graph);
  return [...found.values()].map((a) => ({ ...a, back: a.links.every((l) => back.has(l.name)) }));
}

/** A link within one folded element, or anywhere within a folded cluster, is not drawn. */
function isInside(boxes: readonly Box[], id: string, link: GraphLink): boolean {
  const box = boxes.find((b) => b.id === id);
  if (box?.folded === undefined) return false;
  if (box.folded.kind === 'cluster') return true;
  const at = segments(id).length - 1;
  return link.source !== link.target && segments(link.source)[at] === segments(link.target)[at];
}

/** Names of the undelayed links within a cycle that lead to a node that stands before their own, or to it. */
function backLinks(graph: Graph): Set<string> {
  const component = new Map<string, number>();
  components(graph).forEach((c, i) => {
    for (const name of c.nodes) component.set(name, i);
  });
  const position = new Map(graph.nodes.map((n, i) => [n.name, i]));
  const closes = ({ source, target, delay }: GraphLink): boolean =>
    delay === 0 &&
    component.get(source) === component.get(target) &&
    (position.get(target) ?? 0) <= (position.get(source) ?? 0);
  return new Set(graph.links.filter(closes).map((l) => l.name));
}
