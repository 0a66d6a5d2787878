/** Weights with what they belong to, and which of them an energy depends on. */
import type { TrainTask } from '../../compiler/3-check/checked.ts';
import type { Graph, GraphLink, GraphNode } from '../../compiler/4-graph/graph.ts';

/** A weight, what it belongs to, and the node whose error it learns from. */
export interface Owned {
  readonly id: string;
  readonly shape: readonly number[];
  readonly owner: GraphNode | GraphLink;
  readonly node: string;
}

/** Links that share a weight have it under one name. */
export function weightId({ name }: Pick<GraphNode | GraphLink, 'name'>, weight: GraphLink['weights'][number]): string {
  return weight.shared ?? `${name}.${weight.name}`;
}

/** A shared weight once for each link that has it. */
export function ownedBy({ links, nodes }: Graph): Owned[] {
  const owners = [
    ...links.map((link) => ({ owner: link, node: link.target })),
    ...nodes.map((node) => ({ owner: node, node: node.name })),
  ];
  return owners.flatMap(({ owner, node }) =>
    owner.weights.map((weight) => ({ id: weightId(owner, weight), shape: weight.shape, owner, node })),
  );
}

/** A weight that no energy depends on does not change. A link's target always has an energy: it is predicted. */
export function hasEnergy(graph: Graph, owner: GraphNode | GraphLink, task: TrainTask): boolean {
  const { nodes, links } = graph;
  const learner = nodes.find((n) => n.name === ('source' in owner ? owner.target : owner.name));
  if (learner?.value)
    return links.some(
      (l) => l.delay === 0 && l.source === learner.name && hasEnergy(graph, { ...l, weights: [] }, task),
    );
  if ('source' in owner || links.some((l) => l.target === owner.name)) return true;
  const clamp = task.clamps.find((c) => c.node === owner.name);
  return clamp ? clamp.when !== undefined : owner.prior === 'zero';
}
