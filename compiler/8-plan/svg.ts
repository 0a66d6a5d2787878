/**
 * A picture of a plan: shards as boxes, borders as lines, the wider the more bytes cross them in a tick. Numbers stand
 * beside the lines, so that the picture says the same in black and white.
 */
import type { Plan, PlanBorder, PlanShard } from '../../spec/plan.ts';
import type { Program } from '../../spec/program.ts';
import { loadDraw } from '../4-graph/draw.ts';
import { quote } from '../4-graph/svg.ts';
import { cutToDot, isSmall, linksOf } from './cut-svg.ts';
import { type BorderBytes, borderBytes, inBytes, limitWords, shardFigures, shardTitle } from './picture-words.ts';

/** With more lines a picture is unreadable: the widest are drawn, the others counted. */
const MAX_LINES = 160;
const MAX_WIDTH = 6;

interface Line extends BorderBytes {
  readonly border: PlanBorder;
}

export function planToDot(plan: Plan): string {
  const lines: Line[] = plan.borders
    .map((border) => ({ border, ...borderBytes(border) }))
    .sort((a, b) => b.bytes - a.bytes || a.border.shards[0] - b.border.shards[0]);
  const shown = lines.slice(0, MAX_LINES);
  const left = lines.slice(MAX_LINES);
  const most = Math.max(1, ...shown.map((l) => l.bytes));
  const rest = inBytes(left.reduce((n, l) => n + l.bytes, 0));
  const legend = 'predictions flow one way along a border, errors the other';
  const words = left.length === 0 ? legend : `${legend}; and ${left.length} narrower borders, ${rest} a tick in all`;
  const note = shown.length === 0 ? '' : `label=${quote(words)}; labelloc=b;`;
  return `${[
    `graph ${quote(plan.model)} {`,
    `  layout=${plan.shards.length > 12 ? 'neato' : 'dot'}; rankdir=LR; overlap=false; splines=true; bgcolor="white"; fontname="Helvetica"; fontsize=11; ${note}`,
    '  node [fontname="Helvetica" fontsize=11 shape=box style="rounded,filled" fillcolor="white" color="#222222" margin="0.12,0.06"];',
    '  edge [fontname="Helvetica" fontsize=9 color="#555555" fontcolor="#333333" arrowsize=0.6];',
    ...plan.shards.map((shard, i) => `  ${boxLine(plan, shard, i)}`),
    ...shown.map((line) => `  ${borderLine(line, most, shown.length)}`),
    '}',
  ].join('\n')}\n`;
}

/** The laid-out picture, of nodes where they are few and of shards where not; Graphviz is loaded at the first call. */
export async function planSvg(plan: Plan, programs: readonly Program[]): Promise<string> {
  const draw = await loadDraw();
  const dot = isSmall(plan) ? cutToDot(plan, linksOf(programs)) : planToDot(plan);
  return draw(dot, plan.shards.length > 12 ? 'neato' : 'dot');
}

function boxLine(plan: Plan, shard: PlanShard, i: number): string {
  const nodes = shard.nodes.length <= 3 ? shard.nodes.join(', ') : `${shard.nodes.length} nodes or tiles`;
  const limits = limitWords(plan, i);
  const label = [shardTitle(plan, shard, i), nodes, shardFigures(shard), ...(limits === undefined ? [] : [limits])];
  const look = limits === undefined ? '' : ' penwidth=2.5 color="#D55E00"';
  return `s${shard.id} [label=${quote(label.join('\n'))} tooltip=${quote(shard.nodes.slice(0, 40).join(', '))}${look}];`;
}

function borderLine({ border: { shards }, bytes, perTick }: Line, most: number, lines: number): string {
  const width = Math.max(0.3, (MAX_WIDTH * bytes) / most).toFixed(2);
  // Graphviz knows nothing of the line's width: an empty line keeps the words off it.
  const label = lines <= 40 ? ` label=${quote(`${inBytes(bytes)} a ${perTick ? 'tick' : 'batch'}\n `)}` : '';
  return `s${shards[0]} -- s${shards[1]} [penwidth=${width} dir=both${perTick ? '' : ' style=dashed'}${label}];`;
}
