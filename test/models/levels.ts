/** Distances to the outputs, and the identity nodes that make all paths equally long: section 10. */
import type { Graph, GraphLink, GraphNode } from '../../compiler/4-graph/graph.ts';
import { apply, constant, type Expr, leaf, type Shape } from '../../compiler/operators/expr.ts';

export interface Levelled {
  readonly graph: Graph;
  readonly levels: ReadonlyMap<string, number>;
}

export function levelled(graph: Graph, clamped: ReadonlySet<string>): Levelled {
  const before = levelsOf(graph, clamped);
  const nodes = [...graph.nodes];
  const links: GraphLink[] = [];
  for (const link of graph.links) {
    const [from, to] = [before.get(link.source), before.get(link.target)];
    const source = graph.nodes.find((n) => n.name === link.source);
    const skipped = from === undefined || to === undefined || link.delay > 0 ? 0 : from - to - passes(source);
    if (!source || clamped.has(source.name) || skipped < 1) {
      links.push(link);
      continue;
    }
    let last = source.name;
    for (let i = 1; i <= skipped; i++) {
      const name = `${link.name}~${i}`;
      nodes.push(identityNode(name, source.shape));
      links.push({ ...identityLink(last, name, source.shape) });
      last = name;
    }
    links.push({ ...link, source: last });
  }
  const whole = { ...graph, nodes, links };
  return { graph: whole, levels: levelsOf(whole, clamped) };
}

/** Ticks that an error takes through a link from the node. */
function passes(source: GraphNode | undefined): number {
  return source?.value ? 0 : 1;
}

/** (10a) */
function levelsOf(graph: Graph, clamped: ReadonlySet<string>): Map<string, number> {
  const found = new Map<string, number>();
  const undelayed = graph.links.filter((l) => l.delay === 0);
  const level = (node: string): number | undefined => {
    if (clamped.has(node) && graph.links.some((l) => l.target === node)) return 0;
    const above = undelayed.filter((l) => l.source === node).flatMap((l) => level(l.target) ?? []);
    return above.length === 0 ? undefined : passes(graph.nodes.find((n) => n.name === node)) + Math.max(...above);
  };
  for (const { name } of graph.nodes) {
    const own = level(name);
    if (own !== undefined) found.set(name, own);
  }
  return found;
}

function identityNode(name: string, shape: Shape): GraphNode {
  const error: Expr = apply('sub', [leaf('z', shape), leaf('mu', shape)]);
  return {
    name,
    role: 'node',
    shape,
    activation: leaf('z', shape),
    energy: apply('mul', [constant(0.5), apply('square', [error])]),
    energyKind: 'gaussian',
    clampedOnly: false,
    weights: [],
    start: { kind: 'constant', value: 0 },
    prior: 'zero',
  };
}

function identityLink(source: string, target: string, shape: Shape): GraphLink {
  return { name: `${source}->${target}`, source, target, delay: 0, body: leaf('source', shape), weights: [] };
}
