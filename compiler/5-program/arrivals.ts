/**
 * When the first error can reach each node, counted in ticks since the forward sweep: by the links alone, whatever the
 * numbers. Until then its error is zero (semantics.md, equation 3). Where algebra sees `z - mu = 0`, no mask is needed;
 * equal elements of an array, whose sums are taken in another order than the sweep's, and divergences of softmax would
 * leave rounding instead, of which Adam makes steps of full size.
 */
import { append } from '../../spec/append.ts';
import type { ScalarExpr } from '../../spec/program.ts';
import { SMALLEST_AT_PREDICTION } from '../3-check/energy-kinds.ts';
import { exactNodes, linksThroughExact } from '../4-graph/exact.ts';
import type { Graph, GraphNode } from '../4-graph/graph.ts';
import { components } from '../4-graph/order.ts';
import type { Value } from '../operators/operator.ts';
import { groupBy, MIN_PACK, patternOf } from './batch/pattern.ts';
import type { BlockBuilder } from './builder.ts';
import { readsTime } from './chance.ts';

type Held = ReadonlyMap<string, { readonly when?: unknown }>;

/** Which nodes are kept at rest: all, or those of which algebra leaves rounding behind. */
export type AtRest = 'all' | 'rounding';

/**
 * Ticks before which the errors of free predicted nodes outside cycles are zero; other nodes are left out.
 *
 * @param clamps with a condition they leave the node free in some samples
 * @param begun nodes that the task starts elsewhere than at their prediction
 */
export function arrivals(graph: Graph, clamps: Held, begun: Held = new Map()): Map<string, number> {
  const links = linksThroughExact(graph);
  const predicted = new Set(graph.links.map((l) => l.target));
  // What a link predicts may change by itself, and of several predictions a node can be but one.
  const restless = new Set(graph.links.filter((l) => l.apart || readsTime(l.body)).map((l) => l.target));
  for (const { name, value } of exactNodes(graph)) {
    if (value && readsTime(value)) restless.add(name);
    if (restless.has(name)) for (const l of graph.links) if (l.source === name && l.delay === 0) restless.add(l.target);
  }
  const cyclic = new Set(components(graph).flatMap((c) => (c.cyclic ? c.nodes : [])));
  const rests = (n: GraphNode): boolean =>
    !clamps.has(n.name) &&
    !begun.has(n.name) &&
    !restless.has(n.name) &&
    predicted.has(n.name) &&
    !cyclic.has(n.name) &&
    SMALLEST_AT_PREDICTION.has(n.energyKind);
  const held = new Set([...clamps].filter(([, clamp]) => !clamp.when).map(([name]) => name));
  const resting = new Set(graph.nodes.filter(rests).map((n) => n.name));
  const sources = new Map<string, string[]>();
  const targets = new Map<string, string[]>();
  for (const { source, target } of links) {
    append(sources, target, source);
    append(targets, source, target);
  }
  const arrived = new Map<string, number>();
  const moved = new Set<string>();
  // A sense that is held and predicted by nothing has no error, and never moves.
  let front = graph.nodes.flatMap((n) => (n.value || resting.has(n.name) ? [] : [n.name]));
  for (let tick = 0; front.length > 0; tick++) {
    for (const name of front) arrived.set(name, tick);
    // An error moves the node and those that predict it; nodes that have moved, and those they predict, have an error
    // next.
    const moving = front.flatMap((name) =>
      predicted.has(name) || !held.has(name) ? [name, ...(sources.get(name) ?? [])] : [],
    );
    const fresh = new Set(moving.filter((name) => !held.has(name) && !moved.has(name)));
    for (const name of fresh) moved.add(name);
    const next = [...fresh].flatMap((name) => [name, ...(targets.get(name) ?? [])]);
    front = [...new Set(next)].filter((name) => !arrived.has(name));
  }
  return new Map([...resting].map((name) => [name, arrived.get(name) ?? Number.POSITIVE_INFINITY]));
}

/** As `arrivals`, of nodes whose rounding has to be kept away. */
export function masked(graph: Graph, clamps: Held, begun: Held = new Map()): Map<string, number> {
  const nodes = namesInPacks(graph.nodes, ({ shape }) => shape);
  const links = namesInPacks(graph.links, ({ weights }) => weights.map((w) => w.shape.join('x')));
  const wanted = new Set(
    graph.nodes.filter((n) => n.energyKind === 'categorical' || nodes.has(n.name)).map((n) => n.name),
  );
  // Links of one array are one product in a tick, whose sum is taken in another order than the sweep's.
  for (const { name, target } of graph.links) if (links.has(name)) wanted.add(target);
  // A value kept at rest is no longer the sweep's own value, and neither is a prediction made from it.
  const behind = groupBy(graph.links, (l) => (l.delay === 0 ? l.source : undefined));
  for (const name of wanted) for (const { target } of behind.get(name) ?? []) wanted.add(target);
  return new Map([...arrivals(graph, clamps, begun)].filter(([name]) => wanted.has(name)));
}

/** Names of those that are alike and many enough to be computed as one. */
function namesInPacks<T extends { readonly name: string }>(
  all: readonly T[],
  shapeOf: (one: T) => readonly (number | string)[],
): Set<string> {
  const alike = groupBy(all, (one) => {
    const pattern = patternOf(one.name);
    return pattern === undefined ? undefined : `${pattern} ${shapeOf(one).join(' ')}`;
  });
  return new Set([...alike.values()].flatMap((some) => (some.length < MIN_PACK ? [] : some.map((one) => one.name))));
}

/** As `arrivals`, of a rule: none rest under rules whose free values have no energy. */
export function restingUnder(rule: string, resting: ReadonlyMap<string, number>): Map<string, number> {
  if (rule === 'bp' || rule === 'fixed_prediction') return new Map();
  // Weights that move from tick to tick move by themselves too, as they decay, and all predictions with them.
  if (rule === 'ipc') return new Map([...resting].map(([name, tick]) => [name, Math.min(tick, 1)]));
  return new Map(resting);
}

/** 1 from a tick on, 0 before: a host scalar whose form `arrivalTick` knows again. */
export function since(tick: number): ScalarExpr {
  return { op: 'greater_equal', args: ['tick', tick] };
}

/** The tick of such a scalar. */
export function arrivalTick(expr: ScalarExpr): number | undefined {
  if (typeof expr !== 'object' || expr.op !== 'greater_equal') return undefined;
  const [tick, from] = expr.args;
  return tick === 'tick' && typeof from === 'number' ? from : undefined;
}

/** Ticks beyond any training's, for nodes that no error ever reaches. */
const NEVER = 2 ** 31;

/**
 * The values that a node's energy reads: its own alone, without a way back, until an error can have come.
 *
 * @param now which tick it is
 */
export function atRest(
  builder: BlockBuilder,
  { z, mu }: { readonly z: Value; readonly mu: Value },
  arrival: number,
  now: number | 'tick',
): { readonly z: Value; readonly mu: Value } {
  if (typeof now === 'number' && now >= arrival) return { z, mu };
  const alone = builder.op('reshape', [z], { shape: [...z.shape], oneWay: true });
  if (typeof now === 'number') return { z: alone, mu: alone };
  const come = builder.scalar(since(Math.min(arrival, NEVER)));
  return { z: builder.op('select', [come, z, alone]), mu: builder.op('select', [come, mu, alone]) };
}
