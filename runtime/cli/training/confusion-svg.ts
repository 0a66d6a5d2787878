/**
 * A picture of what the elements of each class are read as. Import lazily: the libraries take 0.4 s to load. Rows are the
 * classes, columns what was read; the darker a cell, the larger its share of its row.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { escapeMarkup } from '../../../spec/markup.ts';
import { rowOf } from '../../training/confusion.ts';
import { type ClassTable, shownClass } from './class-report.ts';

const SIDE = 640;
const MAX_NUMBERS = 20;
const MAX_NAMES = 60;

interface Cell {
  readonly row: number;
  readonly column: number;
  readonly count: number;
  /** Of its row. */
  readonly share: number;
}

/** A standalone SVG. */
export function confusionSvg(table: ClassTable): string {
  const cells = cellsOf(table);
  const labels = table.classes.map((name) => shownClass(name, MAX_NAME));
  const longest = Math.max(0, ...labels.map((label) => label.length));
  const margin = 40 + (labels.length > MAX_NAMES ? 0 : LETTER * longest);
  const places = table.classes.map((_, label) => label);
  const axis = {
    domain: places,
    tickFormat: (label: number) => labels[label] ?? '',
    ...(places.length > MAX_NAMES ? { axis: null } : {}),
  };
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const at = { x: 'column', y: 'row' } as const;
  const svg = Plot.plot({
    document,
    width: SIDE + margin,
    height: SIDE + margin,
    marginLeft: margin,
    marginTop: margin,
    marginRight: 10,
    marginBottom: 10,
    padding: 0,
    style: { fontSize: '12px' },
    x: {
      ...axis,
      ...(places.length > MAX_NAMES ? {} : { axis: 'top' as const, tickRotate: labels.length > 10 ? -60 : 0 }),
      label: `read as (${table.read})`,
    },
    y: { ...axis, label: table.field },
    color: { type: 'linear', scheme: 'blues', domain: [0, 1] },
    marks: [
      Plot.frame({ stroke: '#999' }),
      Plot.cell(cells, { ...at, fill: 'share' }),
      ...(places.length <= MAX_NUMBERS
        ? [
            Plot.text(cells, {
              ...at,
              text: (c: Cell) => String(c.count),
              fill: (c: Cell) => (c.share > 0.5 ? 'white' : '#222'),
            }),
          ]
        : []),
    ],
  });
  const content = svg.innerHTML.replace(/<style>[\s\S]*?<\/style>/, '');
  const size = SIDE + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" width="${size}" height="${size}" ` +
      'font-family="system-ui, sans-serif" font-size="12" fill="#222" text-anchor="middle">',
    `<title>${escapeMarkup(`What ${table.field} of ${table.data} is read as by ${table.read}`)}</title>`,
    `<rect width="${size}" height="${size}" fill="white"/>`,
    content,
    '</svg>\n',
  ].join('\n');
}

const MAX_NAME = 14;
/** Of a letter, in pixels. */
const LETTER = 7;

/** Those that are not empty. */
function cellsOf({ confusion }: ClassTable): Cell[] {
  return Array.from(confusion.counts.slice(0, confusion.classes), (_, row) => {
    const counts = rowOf(confusion, row);
    const all = counts.reduce((sum, n) => sum + n, 0);
    return counts.flatMap((count, column) => (count > 0 ? [{ row, column, count, share: count / all }] : []));
  }).flat();
}
