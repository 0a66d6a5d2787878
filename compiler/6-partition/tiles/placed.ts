/** A tiling with the machine of each tile, and back from lists of tiles. */
import type { Graph } from '../../4-graph/graph.ts';
import type { Tiling } from './tiling.ts';

export interface Placed {
  readonly tiling: Tiling;
  /** Machine of every piece, in the order in which a tiling has them. */
  readonly part: Int32Array;
}

export interface Tile {
  machine: number;
  units: number;
}

/** Tiles of every node, in the graph's order. */
export function tilesOf(graph: Graph, most: readonly number[], tiling: Tiling, part: Int32Array): Tile[][] {
  let at = 0;
  return graph.nodes.map(({ name }, i) => {
    const offsets = tiling.get(name) ?? [0, most[i] as number];
    return offsets.slice(1).map((end, t) => ({ machine: part[at++] as number, units: end - (offsets[t] as number) }));
  });
}

export function placed(graph: Graph, nodes: readonly Tile[][]): Placed {
  const tiling = new Map<string, number[]>();
  graph.nodes.forEach(({ name }, i) => {
    const offsets = [0];
    for (const { units } of nodes[i] ?? []) offsets.push((offsets.at(-1) as number) + units);
    if (offsets.length > 2) tiling.set(name, offsets);
  });
  return { tiling, part: Int32Array.from(nodes.flatMap((tiles) => tiles.map((t) => t.machine))) };
}
