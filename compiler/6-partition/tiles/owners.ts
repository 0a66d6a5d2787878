/** Who owns what where nodes are cut: `node h1/2` is the third tile of h1. */
import type { Graph } from '../../4-graph/graph.ts';
import { nodeOwner, type Owner, type Owners, ownersOf } from '../shards/owners.ts';
import { type Tiling, weightLayouts } from './tiling.ts';

export function tiledOwners(graph: Graph, tiling: Tiling): Owners {
  const base = ownersOf(graph);
  const weights = weightLayouts(graph, tiling);
  const tileOf = (name: string, i: string): Owner | undefined => {
    // A part of a tile, or a state of an optimiser, goes where the weight's tiles go.
    const whole = name.replace(/\/\d+$/, '');
    const layout = weights.get(whole) ?? weights.get(whole.slice(0, Math.max(0, whole.lastIndexOf(':'))));
    return layout && `${nodeOwner(layout.node)}/${i}`;
  };
  const ownerOf = (origin: string): Owner | undefined => {
    const match = /^(node|weight) (.+)\/(\d+)$/.exec(origin);
    if (!match) return base.ofOrigin(origin);
    return match[1] === 'node' ? origin : tileOf(match[2] ?? '', match[3] ?? '');
  };
  // Thousands of operations have the same few origins.
  const known = new Map<string, Owner | undefined>();
  return {
    ofOrigin: (origin) => {
      if (origin === undefined) return undefined;
      if (!known.has(origin)) known.set(origin, ownerOf(origin));
      return known.get(origin);
    },
    ofState: (state) => {
      const { slice } = state;
      if (!slice) return base.ofState(state);
      const i = state.id.slice(state.id.lastIndexOf('/') + 1);
      const owner = base.ofState({ ...state, id: slice.of });
      return state.role === 'memory' && owner !== undefined ? `${owner}/${i}` : tileOf(slice.of, i);
    },
  };
}

/** The pieces of a graph that is cut so: nodes, or their tiles. */
export function tiledPieces(graph: Graph, tiling: Tiling): Owner[] {
  return graph.nodes.flatMap((node) => {
    const offsets = tiling.get(node.name);
    const owner = nodeOwner(node.name);
    return offsets ? offsets.slice(1).map((_, i) => `${owner}/${i}`) : [owner];
  });
}
