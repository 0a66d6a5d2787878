/**
 * A picture of a small network that is cut: a frame for each shard, the nodes and tiles that it holds, predictions that
 * flow forward and errors that flow back. What crosses a border is drawn heavier.
 */
import { type OpOrigin, parseOrigin } from '../../spec/names.ts';
import type { Plan, PlanShard } from '../../spec/plan.ts';
import type { Program } from '../../spec/program.ts';
import { quote } from '../4-graph/svg.ts';
import { borderBytes, inBytes, limitWords, shardFigures, shardTitle } from './picture-words.ts';

/** More boxes than this are drawn as shards alone. */
const MAX_PIECES = 24;
const VERMILLION = '#D55E00';

export interface DrawnLink {
  readonly from: string;
  readonly to: string;
}

/** Whether each node and tile can have a box of its own. */
export function isSmall(plan: Plan): boolean {
  return plan.shards.length > 1 && plan.shards.reduce((n, shard) => n + shard.nodes.length, 0) <= MAX_PIECES;
}

/** Links by the ends in their names, as the operations of all shards serve them. */
export function linksOf(programs: readonly Program[]): DrawnLink[] {
  const names = new Set<string>();
  for (const program of programs)
    for (const origin of originsOf(program))
      if (parseOrigin(origin).kind === 'link') names.add(parseOrigin(origin).name);
  return [...names].flatMap((name) => {
    const [, from, to] = /^(.+?)->(.+?)(?:#\d+)?$/s.exec(name) ?? [];
    return from === undefined || to === undefined ? [] : [{ from, to }];
  });
}

export function cutToDot(plan: Plan, links: readonly DrawnLink[]): string {
  const pieces = plan.shards.flatMap((shard) => shard.nodes.map((piece) => ({ shard: shard.id, piece })));
  const piecesOf = (node: string): typeof pieces => pieces.filter(({ piece }) => nodeOf(piece) === node);
  const arrows = links.flatMap(({ from, to }) =>
    piecesOf(from).flatMap((a) => piecesOf(to).map((b) => arrowLines(a.piece, b.piece, a.shard !== b.shard))),
  );
  const borders = plan.borders.map(borderBytes);
  const crossing = borders.reduce((sum, { bytes }) => sum + bytes, 0);
  const per = borders.every(({ perTick }) => perTick) ? 'tick' : 'batch';
  return `${[
    `digraph ${quote(plan.model)} {`,
    '  rankdir=LR; ranksep=0.7; nodesep=0.3; newrank=true; bgcolor="white"; fontname="Helvetica"; fontsize=11;',
    `  label=${quote(`solid: predictions   dashed: errors   heavy: between shards, ${inBytes(crossing)} a ${per}`)}; labelloc=b;`,
    '  node [fontname="Helvetica" fontsize=11 shape=box style="rounded,filled" fillcolor="white" color="#222222" margin="0.16,0.07"];',
    '  edge [color="#222222" arrowsize=0.7];',
    ...plan.shards.map((shard, i) => frameLine(plan, shard, i)),
    ...arrows.flat(),
    '}',
  ].join('\n')}\n`;
}

/** The prediction, and the error that comes back: it does not move what stands where. */
function arrowLines(from: string, to: string, crosses: boolean): string[] {
  const width = crosses ? 2.6 : 1;
  return [
    `  ${quote(from)} -> ${quote(to)} [penwidth=${width}];`,
    `  ${quote(to)} -> ${quote(from)} [penwidth=${width} style=dashed color="${VERMILLION}" arrowhead=onormal constraint=false];`,
  ];
}

function frameLine(plan: Plan, shard: PlanShard, i: number): string {
  const limits = limitWords(plan, i);
  const title = `${shardTitle(plan, shard, i)}: ${shardFigures(shard)}${limits === undefined ? '' : `\n${limits}`}`;
  const boxes = shard.nodes.map((piece) => {
    const tile = shard.tiles?.find(({ name }) => name === piece);
    const units = tile ? `\n${tile.from} to ${tile.to - 1}` : '';
    return `${quote(piece)} [label=${quote(`${nodeOf(piece)}${units}`)}];`;
  });
  const frame = [
    `label=${quote(title)}`,
    `labelloc=${i === 0 ? 't' : 'b'}`,
    'labeljust=l; style="rounded,filled"; fillcolor="#F4F4F4"',
    limits === undefined ? 'color="#999999"' : `color="${VERMILLION}"; penwidth=2.5`,
  ];
  return `  subgraph ${quote(`cluster ${i}`)} { ${frame.join('; ')}; ${boxes.join(' ')} }`;
}

const nodeOf = (piece: string): string => parseOrigin(`node ${piece}` as OpOrigin).name;

function originsOf(program: Program): OpOrigin[] {
  return program.functions.flatMap((f) =>
    f.blocks.flatMap((block) => block.ops.flatMap(({ origin }) => (origin === undefined ? [] : [origin]))),
  );
}
