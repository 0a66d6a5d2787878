/**
 * Pictures below a picture, of which one is shown at a time: the one whose name stands behind the `#` of the address, and
 * the first where none does. It needs no script.
 */
import { escapeMarkup } from '../../spec/markup.ts';

export interface HiddenPicture {
  readonly id: string;
  readonly title: string;
  /** Of Graphviz. */
  readonly svg: string;
}

interface Sized {
  readonly width: number;
  readonly height: number;
  /** From `<svg` on. */
  readonly text: string;
}

const MARGIN = 8;
const TITLE = 28;
const STYLE =
  '<style>.inside { display: none } .inside.first, .inside:target { display: inline } .hint { fill: #555555 }</style>';
const FONT = 'font-family="Helvetica,sans-Serif" font-size="11.00"';

/** @param svg of Graphviz, whose boxes lead to `hidden` by their ids */
export function withInsides(svg: string, hidden: readonly HiddenPicture[]): string {
  if (hidden.length === 0) return svg;
  const main = sized(svg);
  const pictures = hidden.map((h) => ({ ...h, ...sized(h.svg) }));
  const width = Math.max(main.width, ...pictures.map((p) => p.width + 2 * MARGIN), 220);
  const deepest = Math.max(...pictures.map((p) => p.height));
  const height = main.height + 2 * TITLE + deepest + MARGIN;
  const prolog = svg.slice(0, svg.indexOf('<svg'));
  const hint = main.height + 18;
  const below = hint + TITLE;
  return [
    `${prolog}<svg width="${width}pt" height="${height}pt" viewBox="0 0 ${width} ${height}" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">`,
    STYLE,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    nested(main, 0, 0),
    `<text class="hint" x="${MARGIN}" y="${hint}" ${FONT}>a folded box opens below when it is chosen</text>`,
    ...pictures.map((p, i) => inside(p, i === 0, width, below, deepest)),
    '</svg>',
    '',
  ].join('\n');
}

/** @param deepest points of the highest of them: each covers the first one, which lies beneath */
function inside(picture: HiddenPicture & Sized, first: boolean, width: number, y: number, deepest: number): string {
  const height = deepest + TITLE;
  return [
    `<g id="${picture.id}" class="${first ? 'inside first' : 'inside'}">`,
    `<rect x="0" y="${y - 14}" width="${width}" height="${height}" fill="white" stroke="#999999"/>`,
    `<text x="${MARGIN}" y="${y}" ${FONT}>${escapeMarkup(picture.title)}</text>`,
    nested({ ...picture, text: picture.text.replaceAll(' id="', ` id="${picture.id}-`) }, MARGIN, y + 8),
    '</g>',
  ].join('\n');
}

/** Graphviz says how large a picture is in points, once in its head. */
function sized(svg: string): Sized {
  const [, width, height] = /<svg width="([\d.]+)pt" height="([\d.]+)pt"/.exec(svg) ?? [];
  if (width === undefined || height === undefined) throw new Error('a picture of Graphviz without a size');
  return { width: Number(width), height: Number(height), text: svg.slice(svg.indexOf('<svg')).trimEnd() };
}

function nested({ text, width, height }: Sized, x: number, y: number): string {
  return text.replace(
    /<svg width="[^"]*" height="[^"]*"/,
    `<svg x="${x}" y="${y}" width="${width}" height="${height}"`,
  );
}
