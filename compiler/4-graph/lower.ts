/** From checking to the graph: the same nodes and links, without their places in the text. */
import type { LinkInstance, ModelInstance, NodeInstance } from '../3-check/checked.ts';
import type { Graph, GraphLink, GraphNode } from './graph.ts';

export function lowerGraph(model: ModelInstance): Graph {
  return { name: model.name, nodes: model.nodes.map(lowerNode), links: model.links.map(lowerLink) };
}

function lowerNode({ span: _, weighted: _weighted, ...node }: NodeInstance): GraphNode {
  return node;
}

function lowerLink({ span: _, tie: _tie, ...link }: LinkInstance): GraphLink {
  return link;
}
