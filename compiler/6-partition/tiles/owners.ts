/** Who owns what where nodes are cut: `node h1/2` is the third tile of h1. */
import {
  nodeOrigin,
  nodeTile,
  type OpOrigin,
  type Owner,
  parseBeside,
  parseOrigin,
  parseTile,
  tileOrigin,
} from '../../../spec/names.ts';
import type { Graph } from '../../4-graph/graph.ts';
import { type Owners, ownersOf } from '../shards/owners.ts';
import { type Tiling, weightLayouts } from './tiling.ts';

export function tiledOwners(graph: Graph, tiling: Tiling): Owners {
  const base = ownersOf(graph);
  const weights = weightLayouts(graph, tiling);
  const tileOf = (name: string, i: number): Owner | undefined => {
    // A part of a tile, or a state of an optimiser, goes where the weight's tiles go.
    const whole = parseTile(name)?.whole ?? name;
    const layout = weights.get(whole) ?? weights.get(parseBeside(whole)?.whole ?? '');
    return layout && nodeTile(layout.node, i);
  };
  const ownerOf = (origin: OpOrigin): Owner | undefined => {
    const { kind, name, tile } = parseOrigin(origin);
    if (tile === undefined || kind === 'link') return base.ofOrigin(origin);
    return kind === 'node' ? nodeTile(name, tile) : tileOf(name, tile);
  };
  // Thousands of operations have the same few origins.
  const known = new Map<OpOrigin, Owner | undefined>();
  return {
    ofOrigin: (origin) => {
      if (origin === undefined) return undefined;
      if (!known.has(origin)) known.set(origin, ownerOf(origin));
      return known.get(origin);
    },
    ofState: (state) => {
      const { slice } = state;
      if (!slice) return base.ofState(state);
      const i = parseTile(state.id)?.tile ?? 0;
      const owner = base.ofState({ ...state, id: slice.of });
      return state.role === 'memory' && owner !== undefined ? tileOrigin(owner, i) : tileOf(slice.of, i);
    },
  };
}

/** The pieces of a graph that is cut so: nodes, or their tiles. */
export function tiledPieces(graph: Graph, tiling: Tiling): Owner[] {
  return graph.nodes.flatMap((node) => {
    const offsets = tiling.get(node.name);
    const owner = nodeOrigin(node.name);
    return offsets ? offsets.slice(1).map((_, i) => tileOrigin(owner, i)) : [owner];
  });
}
