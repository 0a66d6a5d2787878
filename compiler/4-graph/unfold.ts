/**
 * Pictures below a picture, of which one is shown at a time: the one whose name stands behind the `#` of the address.
 * It needs no script; viewers that do not know the rule show the folded picture.
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
const STYLE = '<style>.inside { display: none } .inside:target { display: inline } .hint { fill: #555555 }</style>';
const FONT = 'font-family="Helvetica,sans-Serif" font-size="11.00"';

/** @param svg of Graphviz, whose boxes lead to `hidden` by their ids */
export function withInsides(svg: string, hidden: readonly HiddenPicture[]): string {
  if (hidden.length === 0) return svg;
  const main = sized(svg);
  const pictures = hidden.map((h) => ({ ...h, ...sized(h.svg) }));
  const width = Math.max(main.width, ...pictures.map((p) => p.width + 2 * MARGIN), 220);
  const height = main.height + TITLE + Math.max(...pictures.map((p) => p.height)) + MARGIN;
  const prolog = svg.slice(0, svg.indexOf('<svg'));
  const below = main.height + 18;
  return [
    `${prolog}<svg width="${width}pt" height="${height}pt" viewBox="0 0 ${width} ${height}" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">`,
    STYLE,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    nested(main, 0, 0),
    `<text class="hint" x="${MARGIN}" y="${below}" ${FONT}>a folded box opens here when it is chosen</text>`,
    ...pictures.map((p) => inside(p, width, below)),
    '</svg>',
    '',
  ].join('\n');
}

function inside(picture: HiddenPicture & Sized, width: number, y: number): string {
  const height = picture.height + TITLE;
  return [
    `<g id="${picture.id}" class="inside">`,
    `<rect x="0" y="${y - 14}" width="${width}" height="${height}" fill="white" stroke="#999999"/>`,
    `<text x="${MARGIN}" y="${y}" ${FONT}>${escapeMarkup(picture.title)}</text>`,
    `<a href="#"><text x="${width - MARGIN}" y="${y}" text-anchor="end" fill="#0072B2" ${FONT}>fold</text></a>`,
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
