/** Which nodes no error can have reached (section 3): there the derivatives by values and predictions are exactly 0. */
import type { Graph } from '../../compiler/4-graph/graph.ts';
import type { Expr } from '../../compiler/operators/expr.ts';
import { isInCycle } from './cycles.ts';
import type { Clamped } from './model-clamps.ts';

/** Energies that have their least value where the node is as predicted. */
const LEAST_AS_PREDICTED = ['gaussian', 'correlated', 'categorical'];

/**
 * The tick from which a node may have an error, of the nodes that an error can reach.
 *
 * @param clamps nodes that are held in all samples, in some of them, or in some of their elements
 * @param starts nodes that begin elsewhere than at their predictions
 */
export function firstErrors(graph: Graph, clamps: Clamped, starts: Clamped): ReadonlyMap<string, number> {
  const isExact = (node: string): boolean => graph.nodes.find((n) => n.name === node)?.value !== undefined;
  const undelayed = graph.links.filter((l) => l.delay === 0);
  // Exact nodes have no errors: these pass to what predicts them within the tick.
  const sources = (target: string): string[] =>
    undelayed.filter((l) => l.target === target).flatMap((l) => (isExact(l.source) ? sources(l.source) : [l.source]));
  const targets = (source: string): string[] =>
    undelayed.filter((l) => l.source === source).flatMap((l) => (isExact(l.target) ? targets(l.target) : [l.target]));
  const isPredicted = (node: string): boolean => graph.links.some((l) => l.target === node);
  const isHeld = (node: string): boolean =>
    clamps.get(node)?.held.every((sample) => sample.every((held) => held)) ?? false;
  const found = new Map<string, number>();
  const isRestless = (node: string): boolean =>
    graph.links.some(
      (l) =>
        l.target === node &&
        (l.apart === true || readsTime(l.body) || (l.delay === 0 && isExact(l.source) && isRestless(l.source))),
    );
  for (const { name, energyKind } of graph.nodes.filter((n) => !n.value)) {
    const begins = clamps.has(name) || starts.has(name) || isInCycle(graph, name) || isRestless(name);
    if (begins || !isPredicted(name) || !LEAST_AS_PREDICTED.includes(energyKind)) found.set(name, 0);
  }
  // A node without an error has one a tick after its neighbours: after as many ticks as there are nodes none is new.
  graph.nodes.forEach((_, tick) => {
    const wrong = [...found].filter(([, from]) => from <= tick).map(([node]) => node);
    // What has an error moves, and what predicts it.
    const moving = new Set([...wrong, ...wrong.flatMap(sources)].filter((n) => !isHeld(n)));
    const next = [...moving, ...[...moving].flatMap(targets)];
    for (const node of next) if (!found.has(node)) found.set(node, tick + 1);
  });
  return found;
}

function readsTime(expr: Expr): boolean {
  if (expr.kind === 'leaf') return expr.name === 'tick' || expr.name.startsWith('noise:');
  return expr.kind === 'apply' && expr.args.some(readsTime);
}
