/**
 * A picture of a graph: Graphviz's language, and SVG by its layout. Shapes and line styles say everything that colours
 * say, so that the picture survives a printer and colour blindness (colours of Okabe and Ito 2008).
 */
import { append } from '../../spec/append.ts';
import { loadDraw } from './draw.ts';
import type { Graph } from './graph.ts';
import { insidesOf } from './insides.ts';
import { type Arrow, type Box, type Limits, type Picture, pictureOf } from './picture.ts';
import { withInsides } from './unfold.ts';

const BLUE = '#0072B2';
const VERMILLION = '#D55E00';
const GREY = '#555555';

/** The box that each folded box opens. */
type Opens = ReadonlyMap<string, string>;

export function graphToDot(graph: Graph, limits?: Limits): string {
  return pictureToDot(graph.name, pictureOf(graph, limits), new Map());
}

function pictureToDot(name: string, picture: Picture, opens: Opens): string {
  const lines = [
    `digraph ${quote(name)} {`,
    '  rankdir=LR; ranksep=0.5; nodesep=0.25; newrank=true; compound=true; bgcolor="white"; fontname="Helvetica"; fontsize=11;',
    '  node [fontname="Helvetica" fontsize=11 shape=box style="rounded,filled" fillcolor="white" color="#222222" margin="0.12,0.06"];',
    `  edge [fontname="Helvetica" fontsize=9 color="${GREY}" fontcolor="#333333" arrowsize=0.7];`,
    ...clusterLines(picture.boxes, [], '  ', opens),
    ...edges(picture),
    ...picture.arrows.map((a) => `  ${arrowLine(a)}`),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * The laid-out picture; Graphviz is loaded at the first call. A folded box that is chosen in a browser shows below what
 * is in it.
 */
export async function graphSvg(graph: Graph, limits?: Limits): Promise<string> {
  const render = await loadDraw();
  const picture = pictureOf(graph, limits);
  const { opens, insides } = insidesOf(graph, picture);
  const draw = (drawn: Picture, links: Opens): string => render(pictureToDot(graph.name, drawn, links));
  return withInsides(
    draw(picture, opens),
    insides.map((inside) => ({ ...inside, svg: draw(inside.picture, inside.opens) })),
  );
}

/** Boxes that stand directly in the cluster `around`, then its inner clusters, in the order of writing. */
function clusterLines(boxes: readonly Box[], around: readonly string[], indent: string, opens: Opens): string[] {
  const depth = around.length;
  const lines = boxes.filter((b) => b.clusters.length === depth).map((b) => `${indent}${boxLine(b, opens.get(b.id))}`);
  const inner = new Map<string, Box[]>();
  for (const box of boxes) {
    const name = box.clusters[depth];
    if (name !== undefined) append(inner, name, box);
  }
  for (const [name, members] of inner)
    lines.push(
      `${indent}subgraph ${quote(`cluster ${name}`)} {`,
      `${indent}  label=${quote(lastSegment(name))}; labeljust=l; style="rounded,filled"; fillcolor="${depth % 2 === 0 ? '#F4F4F4' : '#E9E9E9'}"; color="#999999";`,
      ...clusterLines(members, [...around, name], `${indent}  `, opens),
      `${indent}}`,
    );
  return lines;
}

function boxLine(box: Box, opens: string | undefined): string {
  const isSense = box.nodes.every((n) => n.role === 'sense');
  const look = isSense
    ? ` shape=${box.folded ? 'box3d' : 'box'} style="filled" penwidth=2 fillcolor="#CFE8F7"`
    : box.folded
      ? ' shape=box3d style="filled" fillcolor="#FFF3C4"'
      : '';
  const link = opens === undefined ? '' : ` URL=${quote(`#${opens}`)}`;
  return `${quote(box.id)} [label=${quote(labelOf(box).join('\n'))} tooltip=${quote(box.folded ? box.id : (box.nodes[0]?.name ?? ''))}${look}${link}];`;
}

function labelOf(box: Box): string[] {
  const name = lastSegment(box.id).replace('[*]', '');
  const [first] = box.nodes;
  if (!first) return [name];
  if (!box.folded) {
    const rate = first.rate === undefined ? [] : [`${first.rate} Hz`];
    return [
      name,
      sizes(first.shape),
      ...rate,
      ...(first.energyKind === 'gaussian' || first.role === 'sense' ? [] : [first.energyKind]),
    ];
  }
  const { kind, count } = box.folded;
  if (kind === 'cluster') return [name, count === 1 ? '1 node' : `${count} nodes`];
  const each = box.nodes.length / count;
  return [`${name} ×${count}`, each === 1 ? sizes(first.shape) : `${each} nodes each`];
}

/** Senses stand at the edges: those that predict at the beginning, those that are only predicted at the end. */
function edges({ boxes, arrows }: Picture): string[] {
  const senses = boxes.filter((b) => b.clusters.length === 0 && b.nodes.every((n) => n.role === 'sense'));
  const isPredicted = (b: Box): boolean => arrows.some((a) => a.to === b.id);
  const predicts = (b: Box): boolean => arrows.some((a) => a.from === b.id);
  const rank = (where: string, members: readonly Box[]): string[] =>
    members.length === 0 ? [] : [`  { rank=${where}; ${members.map((b) => `${quote(b.id)};`).join(' ')} }`];
  return [
    ...rank(
      'min',
      senses.filter((b) => !isPredicted(b)),
    ),
    ...rank(
      'max',
      senses.filter((b) => isPredicted(b) && !predicts(b)),
    ),
  ];
}

function arrowLine(arrow: Arrow): string {
  const labels: string[] = [];
  if (arrow.links.length > 1) labels.push(`×${arrow.links.length}`);
  if (arrow.delay > 0) labels.push(`delay ${arrow.delay}`);
  const [link] = arrow.links;
  if (link?.sparsity && link.sparsity.density < 1)
    labels.push(`${Number((100 * link.sparsity.density).toPrecision(2))} %`);
  const attributes: string[] = [];
  if (labels.length > 0) attributes.push(`label=${quote(labels.join(', '))}`);
  if (arrow.delay > 0) attributes.push(`style=dashed color="${BLUE}" constraint=false`);
  else if (arrow.back) attributes.push(`color="${VERMILLION}" penwidth=1.8 arrowhead=onormal constraint=false`);
  if (link && arrow.links.length === 1) attributes.push(`tooltip=${quote(link.name)}`);
  const text = attributes.length === 0 ? '' : ` [${attributes.join(' ')}]`;
  return `${quote(arrow.from)} -> ${quote(arrow.to)}${text};`;
}

function sizes(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join(' × ');
}

function lastSegment(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** A string of Graphviz's language. */
export function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
