/**
 * A tile whose weights lie with the node's other tiles. Where an even share is three units and a sixteenth, every machine
 * gets three whole ones; the units that are left make one tile, and of its weights every machine gets a part along the
 * other axis: so no unit has to be on one machine, and shares are even to a column of a few weights.
 */
import type { Program, State } from '../../../spec/program.ts';
import type { Graph } from '../../4-graph/graph.ts';
import type { Layout } from './layout.ts';
import { type StateCuts, stateCutsOf } from './state-cuts.ts';
import type { Tiling } from './tiling.ts';

/** Of the node's last tile, what the others hold: where the part of each ends, of 1, ascending to 1; [tiles - 1]. */
export type Spreads = ReadonlyMap<string, readonly number[]>;

/** How the weights of spread tiles are cut again, in a program that is cut into tiles. */
export function spreadCuts(graph: Graph, tiling: Tiling, spreads: Spreads, program: Program): StateCuts {
  const tiles = stateCutsOf(graph, tiling);
  const ofState = (state: State): Layout | undefined => {
    const { slice } = state;
    const layout = slice && tiles.ofState({ ...state, id: slice.of, shape: slice.shape });
    const ends = layout && spreads.get(layout.node);
    const last = layout && `/${layout.offsets.length - 2}`;
    if (
      !ends ||
      ends.length < 2 ||
      !last ||
      !state.id.endsWith(last) ||
      state.shape.length !== 2 ||
      layout.groups !== 1
    )
      return undefined;
    const axis = 1 - layout.axis;
    const size = state.shape[axis] ?? 1;
    return size < ends.length ? undefined : { node: layout.node, axis, groups: 1, offsets: offsetsOf(ends, size) };
  };
  const weights = new Map<string, Layout>();
  for (const state of program.states) {
    const layout = state.role === 'parameter' ? ofState(state) : undefined;
    if (layout) weights.set(state.id, layout);
  }
  return { weights, ofState, ofCarry: (_, begin) => begin };
}

/** Every part has at least one row or column. */
function offsetsOf(ends: readonly number[], size: number): number[] {
  const offsets = [0];
  ends.forEach((end, i) => {
    const least = (offsets[i] as number) + 1;
    offsets.push(
      i === ends.length - 1 ? size : Math.min(Math.max(Math.round(end * size), least), size - (ends.length - 1 - i)),
    );
  });
  return offsets;
}
