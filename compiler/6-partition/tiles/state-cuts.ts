/** Cuts of a program that are known before its operations are looked at: weights, states, and what loops carry. */
import { deviationName, insideName, valueName, velocityName } from '../../../spec/names.ts';
import type { State } from '../../../spec/program.ts';
import type { Graph } from '../../4-graph/graph.ts';
import type { Layout } from './layout.ts';
import { stateLayout, type Tiling, valueLayout, weightLayouts } from './tiling.ts';

export interface StateCuts {
  /** By the name of the weight or drawn value. */
  readonly weights: ReadonlyMap<string, Layout>;
  ofState(state: State): Layout | undefined;
  /** @param begin the layout of what the carry begins with */
  ofCarry(id: string, begin: Layout | undefined): Layout | undefined;
}

export function stateCutsOf(graph: Graph, tiling: Tiling): StateCuts {
  const weights = weightLayouts(graph, tiling);
  const nodes = new Map(
    graph.nodes.flatMap((n) =>
      [valueName(n.name), deviationName(n.name), velocityName(n.name)].map((name) => [insideName(name), n] as const),
    ),
  );
  return {
    weights,
    ofState: (state) => stateLayout(graph, tiling, weights, state),
    ofCarry: (id, begin) => {
      const node = nodes.get(id);
      return node ? valueLayout(graph, node, tiling, 1) : begin;
    },
  };
}
