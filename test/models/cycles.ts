import type { Graph } from '../../compiler/4-graph/graph.ts';

/** Whether a node predicts itself, over undelayed links. */
export function isInCycle({ links }: Graph, node: string): boolean {
  const seen = new Set<string>();
  const next = links.filter((l) => l.delay === 0 && l.source === node).map((l) => l.target);
  while (next.length > 0) {
    const at = next.pop() as string;
    if (at === node) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    next.push(...links.filter((l) => l.delay === 0 && l.source === at).map((l) => l.target));
  }
  return false;
}
