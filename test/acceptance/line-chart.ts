/** Lines over a logarithmic axis each way, as a standalone SVG. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

export interface Line {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Of the Okabe-Ito palette: told apart by every kind of colour vision, and in print. */
const COLOURS = ['#0072B2', '#D55E00', '#009E73'];
const SIZE = { width: 640, height: 360 };

export function lineChart(lines: readonly Line[], axes: { readonly x: string; readonly y: string }): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const all = lines.flatMap((line) => line.points.filter((p) => p.y > 0).map((p) => ({ ...p, label: line.label })));
  const at = { x: 'x', y: 'y' } as const;
  const marks = lines.flatMap((line, i) => {
    const points = all.filter((p) => p.label === line.label);
    const colour = COLOURS[i % COLOURS.length] ?? 'black';
    const name = { ...at, text: 'label', dx: 8, textAnchor: 'start', fill: colour } as const;
    return [
      Plot.lineY(points, { ...at, stroke: colour, strokeWidth: 2 }),
      Plot.dot(points, { ...at, fill: colour, r: 3 }),
      Plot.text(points.slice(-1), name),
    ];
  });
  const svg = Plot.plot({
    document,
    ...SIZE,
    marginLeft: 60,
    marginRight: 90,
    marginBottom: 44,
    style: { fontSize: '12px' },
    x: { type: 'log', base: 2, label: axes.x, tickFormat: 'd' },
    y: { type: 'log', label: axes.y, grid: true, tickFormat: '~g' },
    marks,
  });
  const content = svg.innerHTML.replace(/<style>[\s\S]*?<\/style>/, '');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" width="${SIZE.width}" ` +
      `height="${SIZE.height}" font-family="system-ui, sans-serif" font-size="12" color="#222" fill="currentColor" text-anchor="middle">`,
    `<title>${axes.y} by ${axes.x}</title>`,
    `<rect width="${SIZE.width}" height="${SIZE.height}" fill="white"/>`,
    content,
    '</svg>\n',
  ].join('\n');
}
