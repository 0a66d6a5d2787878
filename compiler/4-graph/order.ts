/**
 * The order of the forward sweep: strongly connected components of the undelayed links (Tarjan 1972), sources first.
 * Nodes of one component are in the order they were written.
 */
import { append } from '../../spec/append.ts';
import type { Graph, GraphLink } from './graph.ts';

export interface Component {
  readonly nodes: readonly string[];
  /** More than one node, or a node that predicts itself. */
  readonly cyclic: boolean;
}

export function components(graph: Graph): Component[] {
  const undelayed = graph.links.filter((l) => l.delay === 0);
  const outgoing = new Map<string, GraphLink[]>();
  for (const link of undelayed) append(outgoing, link.source, link);
  const position = new Map(graph.nodes.map((n, i) => [n.name, i]));
  const found: Component[] = [];
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();

  // An explicit stack instead of recursion: chains of thousands of nodes are legal.
  const visit = (root: string): void => {
    const work: { node: string; next: number }[] = [{ node: root, next: 0 }];
    const open = (node: string): void => {
      index.set(node, index.size);
      low.set(node, index.get(node) ?? 0);
      stack.push(node);
      onStack.add(node);
    };
    open(root);
    while (work.length > 0) {
      const top = work[work.length - 1] as { node: string; next: number };
      const link = outgoing.get(top.node)?.[top.next++];
      if (link) {
        if (!index.has(link.target)) {
          open(link.target);
          work.push({ node: link.target, next: 0 });
        } else if (onStack.has(link.target)) {
          low.set(top.node, Math.min(low.get(top.node) ?? 0, index.get(link.target) ?? 0));
        }
        continue;
      }
      work.pop();
      const parent = work[work.length - 1];
      if (parent) low.set(parent.node, Math.min(low.get(parent.node) ?? 0, low.get(top.node) ?? 0));
      if (low.get(top.node) === index.get(top.node)) close(top.node);
    }
  };
  const close = (root: string): void => {
    const nodes: string[] = [];
    for (;;) {
      const node = stack.pop();
      if (node === undefined) break;
      onStack.delete(node);
      nodes.push(node);
      if (node === root) break;
    }
    nodes.sort((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0));
    const cyclic = nodes.length > 1 || undelayed.some((l) => l.source === nodes[0] && l.target === nodes[0]);
    found.push({ nodes, cyclic });
  };
  for (const node of graph.nodes) if (!index.has(node.name)) visit(node.name);
  return found.reverse();
}
