/**
 * The PC graph: nodes with energies, links with bodies, clusters expanded, parameters fixed. Names are identities, so
 * an edit of the model keeps the checkpoints of what it did not touch.
 */
import { weightName } from '../../spec/names.ts';
import type { LinkInstance, NodeInstance, WeightInstance } from '../3-check/checked.ts';

/** As checked, without its place in the text. */
export type GraphNode = Omit<NodeInstance, 'span' | 'weighted'>;
export type GraphLink = Omit<LinkInstance, 'span' | 'tie'>;

export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly links: readonly GraphLink[];
}

/** The name of a link's weight in the program: several links may have the same one. */
export function weightOfLink(link: Pick<GraphLink, 'name'>, { name, shared }: WeightInstance): string {
  return shared ?? weightName(link.name, name);
}

/** Weights of a link that are not those of a link before it. */
export function ownWeights(link: Pick<GraphLink, 'name' | 'weights'>): readonly WeightInstance[] {
  return link.weights.filter((w) => w.shared === undefined || w.shared === weightName(link.name, w.name));
}
