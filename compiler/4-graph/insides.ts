/**
 * Details that open below a picture when one of its folded boxes is chosen: an element of the array, the whole of the
 * cluster.
 */
import type { Graph } from './graph.ts';
import { type Box, LIMITS, type Limits, type Picture, pictureOf } from './picture.ts';

/** A larger inside is not drawn, since it could not be read. */
const MAX_BOXES = 60;
const WHOLE: Limits = { arrays: Number.POSITIVE_INFINITY, clusters: Number.POSITIVE_INFINITY };

export interface Inside {
  /** Of the element in the svg, and what is written above it. */
  readonly id: string;
  readonly title: string;
  readonly picture: Picture;
  /** Insides of its own folded boxes, by the box. */
  readonly opens: ReadonlyMap<string, string>;
}

export interface Opened {
  readonly opens: ReadonlyMap<string, string>;
  readonly insides: readonly Inside[];
}

/** @returns the insides of a picture's folded boxes, and of those within them */
export function insidesOf(graph: Graph, picture: Picture, first = 0): Opened {
  const opens = new Map<string, string>();
  const insides: Inside[] = [];
  for (const box of picture.boxes) {
    const inside = box.folded && insideOf(graph, box);
    if (!inside) continue;
    const id = `inside-${first + insides.length}`;
    const further = insidesOf(graph, inside, first + insides.length + 1);
    opens.set(box.id, id);
    insides.push({ id, title: titleOf(box), picture: inside, opens: further.opens }, ...further.insides);
  }
  return { opens, insides };
}

function insideOf(graph: Graph, box: Box): Picture | undefined {
  const element = elementOf(box);
  const nodes = box.nodes.filter(({ name }) => element === undefined || isWithin(name, element));
  if (nodes.length < 2) return undefined;
  const names = new Set(nodes.map((n) => n.name));
  const links = graph.links.filter((l) => names.has(l.source) && names.has(l.target));
  const picture = pictureOf({ ...graph, nodes, links }, element === undefined ? LIMITS : WHOLE);
  // The picture is a single box: the one to be opened.
  return picture.boxes.length > 1 && picture.boxes.length <= MAX_BOXES ? picture : undefined;
}

/** The first element of a folded array: `cortex.v1[0]` of `cortex.v1[*]`. */
function elementOf({ id, nodes, folded }: Box): string | undefined {
  if (folded?.kind !== 'array') return undefined;
  const depth = id.split('.').length;
  return nodes[0]?.name.split('.').slice(0, depth).join('.');
}

function isWithin(name: string, cluster: string): boolean {
  return name === cluster || name.startsWith(`${cluster}.`);
}

function titleOf(box: Box): string {
  const element = elementOf(box);
  return element === undefined ? box.id : `${element}, as each of ${box.folded?.count}`;
}
