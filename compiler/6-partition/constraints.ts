/** Demands of a schedule and a mesh file on a cut, beside that it be fast. */
import { append } from '../../spec/append.ts';
import type { Graph } from '../4-graph/graph.ts';

export interface Constraints {
  /** Names of nodes that stay on one machine, whole; no node is in two groups. */
  readonly together: readonly (readonly string[])[];
  /** No node is cut into tiles. */
  readonly whole: boolean;
  /** The machine of each node that is pinned to one, by name. */
  readonly pinned: ReadonlyMap<string, number>;
}

export const NO_CONSTRAINTS: Constraints = { together: [], whole: false, pinned: new Map() };

/** Where a model may be cut. */
export type CutAt = 'clusters' | 'nodes' | 'anywhere';

/** @param cutAt `clusters`: each cluster at the top of the model stays together */
export function constraintsOf(
  graph: Graph,
  cutAt: CutAt,
  keepTogether: readonly (readonly string[])[],
  pinned: ReadonlyMap<string, number>,
): Constraints {
  const groups = cutAt === 'clusters' ? [...keepTogether, ...topClusters(graph)] : keepTogether;
  return { together: joined(groups), whole: cutAt !== 'anywhere', pinned };
}

function topClusters(graph: Graph): string[][] {
  const clusters = new Map<string, string[]>();
  for (const { name } of graph.nodes) {
    const at = name.indexOf('.');
    if (at < 0) continue;
    append(clusters, name.slice(0, at), name);
  }
  return [...clusters.values()];
}

/** Groups that share a node are one. */
function joined(groups: readonly (readonly string[])[]): string[][] {
  const groupOf = new Map<string, Set<string>>();
  for (const names of groups) {
    const group = new Set(names);
    for (const name of names) for (const other of groupOf.get(name) ?? []) group.add(other);
    for (const name of group) groupOf.set(name, group);
  }
  return [...new Set(groupOf.values())].map((group) => [...group]);
}
