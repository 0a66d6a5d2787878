/**
 * The PC graph: nodes with energies, links with bodies, clusters expanded, parameters fixed. Names are identities, so
 * an edit of the model keeps the checkpoints of what it did not touch.
 */
import type { LinkInstance, NodeInstance } from '../3-check/checked.ts';

/** As checked, without its place in the text. */
export type GraphNode = Omit<NodeInstance, 'span' | 'weighted'>;
export type GraphLink = Omit<LinkInstance, 'span'>;

export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly links: readonly GraphLink[];
}
