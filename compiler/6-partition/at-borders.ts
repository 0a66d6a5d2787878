/** `values = borders`: a model that was cut with all of its values, with those alone that its borders keep. */
import { parseOrigin } from '../../spec/names.ts';
import type { Program } from '../../spec/program.ts';
import type { TrainTask } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import { valuesAtBorders } from '../4-graph/values.ts';
import type { CutPieces } from './cut-pieces.ts';
import { sideOf } from './shards/pieces.ts';
import { tiledOwners } from './tiles/owners.ts';
import { tileProgram } from './tiles/tile.ts';

/**
 * Nodes that keep their values where the graph is cut so. A sense whose links have their weights with what they predict
 * computes nothing: its samples go to all that read them, wherever the sense lies.
 */
export function keptBy(
  graph: Graph,
  { pieces, part }: Pick<CutPieces, 'pieces' | 'part'>,
  task: Pick<TrainTask, 'clamps'> | undefined,
): Set<string> {
  const places = new Map<string, Set<number>>();
  pieces.forEach((piece, i) => {
    const { name } = parseOrigin(piece);
    places.set(name, (places.get(name) ?? new Set()).add(part[i] as number));
  });
  const held = new Set(task?.clamps.flatMap(({ node, when }) => (when ? [] : [node])));
  const senses = new Set(graph.nodes.flatMap(({ name, role }) => (role === 'sense' && held.has(name) ? [name] : [])));
  return valuesAtBorders(graph, places, (link) => senses.has(link.source) && sideOf(graph, link) === 'target');
}

/**
 * The same pieces in the same places.
 *
 * @param whole program of the graph that keeps those values, behind its passes
 */
export function cutAgain(cut: CutPieces, graph: Graph, whole: Program): CutPieces {
  const { tiling, spreads } = cut;
  const program = tiling.size > 0 ? tileProgram(graph, whole, tiling, spreads) : whole;
  return { ...cut, program, owners: tiledOwners(graph, tiling) };
}
