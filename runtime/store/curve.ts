/** `curve.svg`: energy and accuracy by epoch, one above the other. Import lazily: the libraries take 0.4 s to load. */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { MetricsRow } from './metrics.ts';

interface Panel {
  readonly title: string;
  /** Of the Okabe-Ito palette: told apart by every kind of colour vision, and in print. */
  readonly colour: string;
  readonly points: readonly { readonly epoch: number; readonly value: number }[];
  readonly format: (value: number) => string;
}

const WIDTH = 640;
const PANEL_HEIGHT = 220;

/** A standalone SVG with a panel for each of energy and accuracy that any row has. */
export function curveSvg(rows: readonly MetricsRow[]): string {
  const panels = [
    panel(rows, 'energy', 'Energy', '#0072B2', shortNumber),
    panel(rows, 'accuracy', 'Test accuracy (%)', '#D55E00', (value) => `${+(value * 100).toFixed(2)}`),
  ].filter(({ points }) => points.length > 0);
  const lastEpoch = Math.max(1, ...rows.map(({ epoch }) => epoch));
  const height = Math.max(1, panels.length) * PANEL_HEIGHT;
  const body = panels.length === 0 ? NOTHING : panels.map((one, index) => draw(one, index, lastEpoch)).join('\n');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
      'font-family="system-ui, sans-serif" font-size="12" color="#222">',
    '<title>Energy and test accuracy by epoch</title>',
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    body,
    '</svg>\n',
  ].join('\n');
}

const NOTHING = `<text x="${WIDTH / 2}" y="${PANEL_HEIGHT / 2}" text-anchor="middle">no epoch was completed</text>`;

function panel(
  rows: readonly MetricsRow[],
  measure: string,
  title: string,
  colour: string,
  format: (value: number) => string,
): Panel {
  const points = rows.flatMap(({ epoch, [measure]: value }) =>
    typeof value === 'number' && Number.isFinite(value) ? [{ epoch, value }] : [],
  );
  return { title, colour, points, format };
}

function draw({ title, colour, points, format }: Panel, index: number, lastEpoch: number): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const at = { x: 'epoch', y: 'value' } as const;
  const marks = [
    Plot.lineY(points, { ...at, stroke: colour, strokeWidth: 2 }),
    // Dots say where the epochs are; with many epochs they would only thicken the line.
    ...(points.length <= 60 ? [Plot.dot(points, { ...at, fill: colour, r: 3 })] : []),
    Plot.text(points.slice(-1), {
      ...at,
      text: (point) => format(point.value),
      dx: 8,
      textAnchor: 'start',
      fill: colour,
    }),
  ];
  const svg = Plot.plot({
    document,
    width: WIDTH,
    height: PANEL_HEIGHT,
    marginLeft: 56,
    marginRight: 76,
    marginTop: 36,
    marginBottom: 40,
    style: { fontSize: '12px' },
    x: {
      label: 'epoch',
      domain: [1, Math.max(2, lastEpoch)],
      ticks: Math.min(10, Math.max(1, lastEpoch - 1)),
      tickFormat: 'd',
    },
    y: { label: title, grid: true, nice: true, tickFormat: format, ticks: 5 },
    marks,
  });
  // A group, not an svg within the svg: not every viewer and paper tool draws those.
  const content = svg.innerHTML.replace(/<style>[\s\S]*?<\/style>/, '');
  const style = 'fill="currentColor" text-anchor="middle"';
  return `<g transform="translate(0,${index * PANEL_HEIGHT})" ${style}>${content}</g>`;
}

/** Four significant digits, without trailing zeros. */
function shortNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}
