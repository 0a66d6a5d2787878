/**
 * A picture of a plan: shards as boxes, borders as lines, the wider the more bytes cross them in a tick. Numbers stand
 * beside the lines, so that the picture says the same in black and white.
 */
import type { Plan, PlanBorder, PlanShard } from '../../spec/plan.ts';
import { quote } from '../4-graph/svg.ts';

/** Lines beyond this would be a ball of wool: the widest are drawn, the others are counted. */
const MAX_LINES = 160;
const MAX_WIDTH = 9;

export function planToDot(plan: Plan): string {
  const lines = plan.borders
    .map((border) => ({ border, bytes: bytesOf(border) }))
    .sort((a, b) => b.bytes - a.bytes || a.border.shards[0] - b.border.shards[0]);
  const shown = lines.slice(0, MAX_LINES);
  const left = lines.slice(MAX_LINES);
  const most = Math.max(1, ...shown.map((l) => l.bytes));
  const note =
    left.length === 0
      ? ''
      : `label=${quote(`and ${left.length} narrower borders, ${kib(left.reduce((n, l) => n + l.bytes, 0))} a tick in all`)}; labelloc=b;`;
  return `${[
    `graph ${quote(plan.model)} {`,
    `  layout=${plan.shards.length > 12 ? 'neato' : 'dot'}; rankdir=LR; overlap=false; splines=true; bgcolor="white"; fontname="Helvetica"; fontsize=11; ${note}`,
    '  node [fontname="Helvetica" fontsize=11 shape=box style="rounded,filled" fillcolor="white" color="#222222" margin="0.12,0.06"];',
    '  edge [fontname="Helvetica" fontsize=9 color="#555555" fontcolor="#333333"];',
    ...plan.shards.map((shard, i) => `  ${boxLine(plan, shard, i)}`),
    ...shown.map(({ border, bytes }) => `  ${borderLine(border, bytes, most, shown.length)}`),
    '}',
  ].join('\n')}\n`;
}

/** The laid-out picture; Graphviz is loaded at the first call. */
export async function planSvg(plan: Plan): Promise<string> {
  const { instance } = await import('@viz-js/viz');
  const viz = await instance();
  return viz.renderString(planToDot(plan), { format: 'svg', engine: plan.shards.length > 12 ? 'neato' : 'dot' });
}

/** Per tick in both directions, as f32; rules without ticks: per batch. */
function bytesOf({ flows }: PlanBorder): number {
  const perTick = flows.reduce((sum, f) => sum + f.bytesPerTick.f32, 0);
  return perTick > 0 ? perTick : flows.reduce((sum, f) => sum + 4 * f.valuesPerBatch, 0);
}

function boxLine({ predicted }: Plan, shard: PlanShard, i: number): string {
  const name = predicted?.machines[i]?.name ?? `shard ${shard.id}`;
  const label = [
    name === `shard-${shard.id}` ? `shard ${shard.id}` : `shard ${shard.id} on ${name}`,
    shard.nodes.length <= 3 ? shard.nodes.join(', ') : `${shard.nodes.length} nodes or tiles`,
    `${kib(shard.memory)}, ${((shard.flopsPerTick ?? shard.flopsPerBatch) / 1e6).toFixed(2)} MFLOP`,
  ];
  const limits = predicted?.limit.shard === i;
  if (limits) label.push(`limits the rest, by ${predicted.limit.by}`);
  const look = limits ? ' penwidth=2.5 color="#D55E00"' : '';
  return `s${shard.id} [label=${quote(label.join('\n'))} tooltip=${quote(shard.nodes.slice(0, 40).join(', '))}${look}];`;
}

function borderLine({ shards, flows }: PlanBorder, bytes: number, most: number, lines: number): string {
  const width = Math.max(0.3, (MAX_WIDTH * bytes) / most).toFixed(2);
  const perTick = flows.some((f) => f.bytesPerTick.f32 > 0);
  const label = lines <= 40 ? ` label=${quote(`${kib(bytes)} a ${perTick ? 'tick' : 'batch'}`)}` : '';
  return `s${shards[0]} -- s${shards[1]} [penwidth=${width}${perTick ? '' : ' style=dashed'}${label}];`;
}

function kib(bytes: number): string {
  return bytes < 1024
    ? `${bytes} B`
    : bytes < 1024 ** 2
      ? `${(bytes / 1024).toFixed(1)} KiB`
      : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
