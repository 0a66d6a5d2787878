/**
 * Z-IL needs all paths from a free node to the output to be equally long: a link that skips levels gets identity
 * nodes (Salvatori et al. 2022, "Reverse differentiation via predictive coding", section on general graphs).
 */
import { levelNodeName } from '../../spec/names.ts';
import { apply, constant, type Expr, leaf } from '../operators/expr.ts';
import type { Graph, GraphLink, GraphNode } from './graph.ts';
import { components } from './order.ts';

/**
 * Links between each node and the farthest output that it reaches; -1 where it reaches none. Outputs are held, so
 * nothing passes through one: its own level is 0 even where it predicts another. An error passes through an exact node
 * within the tick: the node is as near as what it predicts.
 */
export function levels(graph: Graph, outputs: ReadonlySet<string>): Map<string, number> {
  const level = new Map<string, number>();
  const exact = new Set(graph.nodes.filter((n) => n.value).map((n) => n.name));
  const order = components(graph).flatMap((c) => c.nodes);
  for (const name of [...order].reverse()) {
    let farthest = outputs.has(name) ? 0 : -1;
    for (const link of graph.links) {
      if (outputs.has(name) || link.source !== name || link.delay !== 0) continue;
      const below = level.get(link.target) ?? -1;
      if (below >= 0) farthest = Math.max(farthest, below + (exact.has(name) ? 0 : 1));
    }
    level.set(name, farthest);
  }
  return level;
}

/** The same network with identity nodes wherever a link from a free node skips levels; nothing is sent back through a delay. */
export function levelGraph(graph: Graph, outputs: ReadonlySet<string>, clamped: ReadonlySet<string>): Graph {
  const level = levels(graph, outputs);
  const nodes: GraphNode[] = [...graph.nodes];
  const links: GraphLink[] = [];
  for (const link of graph.links) {
    const source = graph.nodes.find((n) => n.name === link.source);
    const between = (level.get(link.source) ?? -1) - (level.get(link.target) ?? -1);
    const gap = source?.value ? between : between - 1;
    if (gap < 1 || link.delay > 0 || clamped.has(link.source) || (level.get(link.target) ?? -1) < 0 || !source) {
      links.push(link);
      continue;
    }
    let from = link.source;
    for (let i = 1; i <= gap; i++) {
      const name = levelNodeName(link.name, i);
      nodes.push(identityNode(name, source.shape));
      links.push({
        name: `${from}->${name}`,
        source: from,
        target: name,
        delay: 0,
        body: leaf('source', source.shape),
        weights: [],
      });
      from = name;
    }
    links.push({ ...link, source: from });
  }
  return { name: graph.name, nodes, links };
}

function identityNode(name: string, shape: GraphNode['shape']): GraphNode {
  const error = apply('sub', [leaf('z', shape), leaf('mu', shape)]);
  const energy: Expr = apply('mul', [constant(0.5), apply('square', [error])]);
  return {
    name,
    role: 'node',
    shape,
    activation: leaf('z', shape),
    energy,
    energyKind: 'gaussian',
    clampedOnly: false,
    weights: [],
    start: { kind: 'constant', value: 0 },
    prior: 'zero',
  };
}
