/**
 * Names of settling that definitions may read: `tick`, and `noise(std)`, drawn anew in every tick from counters
 * (equation 14f): the element, the sample's row in its batch, and a key of the place in the model, the tick, the step
 * and the batch. `dropped(x, share)` draws once a batch, of the number that the data give the sample (equation 14g).
 */
import { isDrawLeaf, linkOrigin, nodeOrigin, type Owner, parseKeptLeaf } from '../../spec/names.ts';
import type { ScalarExpr } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import type { Graph } from '../4-graph/graph.ts';
import { MAX_COUNT } from '../operators/chance.ts';
import { type Expr, sizeOf } from '../operators/expr.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { leavesOf } from './leaves.ts';
import type { Binding } from './lower-expression.ts';

/** Odd numbers, so that keys of neighbouring ticks, steps and batches are far apart. */
const TICK = 10368889;
const STEP = 5557187;
const BATCH = 7114389;

/** Of a network, what its noise depends on. */
interface Drawing {
  readonly batch: number;
  readonly answers?: boolean;
  /** Where a training drops elements. */
  readonly masks?: ReadonlyMap<string, Value> | undefined;
}

/** @param now which tick it is, where that is said */
export function settlingBindings(
  builder: BlockBuilder,
  network: Drawing,
  owner: string,
  expr: Expr,
  shape: readonly number[],
  now: number | 'tick' = 'tick',
): Record<string, Binding> {
  const bindings: Record<string, Binding> = { tick: { scalar: now } };
  for (const name of drawsOf(expr)) {
    const drawn = isDrawLeaf(name)
      ? draw(builder, network, `${owner}:${name}`, shape, now)
      : network.masks?.get(maskOf(owner, name));
    // Without masks nothing is learnt, and nothing dropped.
    bindings[name] = drawn ? { value: drawn } : { scalar: 1 };
  }
  return bindings;
}

/** Of expressions that many links share. */
const drawn = new WeakMap<Expr, readonly string[]>();

/** Names of the draws that an expression reads. */
function drawsOf(expr: Expr): readonly string[] {
  const known = drawn.get(expr);
  if (known) return known;
  const found = [...leavesOf(expr)].filter((name) => isDrawLeaf(name) || parseKeptLeaf(name));
  drawn.set(expr, found);
  return found;
}

function draw(
  builder: BlockBuilder,
  network: Drawing,
  name: string,
  shape: readonly number[],
  now: number | 'tick',
): Value {
  const element = elementsOf(builder, shape);
  const row = beside(builder, builder.op('rows', [], { shape: [network.batch] }), shape);
  const key = keyOf(name, [times(now, TICK), ...(network.answers === true ? [] : [times('batch', BATCH)])]);
  return builder.op('noise', [element, row, builder.scalar(key)]);
}

/** 0, 1, … over the elements of a node. */
function elementsOf(builder: BlockBuilder, shape: readonly number[]): Value {
  return builder.op('reshape', [builder.op('range', [], { size: sizeOf(shape) })], { shape: [1, ...shape] });
}

/** A number for each sample, to stand beside values of the shape. */
function beside(builder: BlockBuilder, numbers: Value, shape: readonly number[]): Value {
  return builder.op('reshape', [numbers], { shape: [...numbers.shape, ...shape.map(() => 1)] });
}

/**
 * The masks of a graph, by the names of `maskOf`, drawn before anything settles: all that is evaluated in a batch reads
 * the same ones.
 *
 * @param numbers of the samples
 */
export function drawMasks(builder: BlockBuilder, graph: Graph, numbers: Value): Map<string, Value> {
  const masks = new Map<string, Value>();
  const shapes = new Map(graph.nodes.map((n) => [n.name, n.shape]));
  const draw = (origin: Owner, owner: string, expr: Expr, shape: readonly number[]): void => {
    for (const leaf of drawsOf(expr)) {
      const kept = parseKeptLeaf(leaf);
      builder.origin = origin;
      if (kept) masks.set(maskOf(owner, leaf), mask(builder, numbers, `${owner}:kept:${kept.draw}`, shape, kept.share));
    }
  };
  for (const { name, energy, value, shape } of graph.nodes) {
    draw(nodeOrigin(name), `node ${name}`, energy, shape);
    if (value) draw(nodeOrigin(name), `value ${name}`, value, shape);
  }
  for (const { name, body, target } of graph.links)
    draw(linkOrigin(name), linkOrigin(name), body, shapes.get(target) ?? []);
  builder.origin = undefined;
  return masks;
}

const maskOf = (owner: string, leaf: string): string => `${owner}:${leaf}`;

/** 0 where an element is dropped, else one over the share that is kept. */
function mask(builder: BlockBuilder, numbers: Value, name: string, shape: readonly number[], share: number): Value {
  // A multiple of what draws are multiples of: every device compares the same numbers.
  const least = Math.min(Math.round(share * MAX_COUNT), MAX_COUNT - 1) / MAX_COUNT;
  const key = keyOf(name, [times('batch', BATCH)]);
  const drawn = builder.op('chance', [
    elementsOf(builder, shape),
    beside(builder, numbers, shape),
    builder.scalar(key),
  ]);
  const kept = builder.op('greater_equal', [drawn, builder.constant(least)]);
  return builder.op('mul', [kept, builder.constant(1 / (1 - least))]);
}

/** Whether a training of the graph drops elements. */
export function dropsElements({ nodes, links }: Graph): boolean {
  const drops = (expr: Expr): boolean => drawsOf(expr).some((name) => parseKeptLeaf(name));
  return nodes.some((n) => drops(n.energy) || (n.value && drops(n.value))) || links.some((l) => drops(l.body));
}

function times(variable: ScalarExpr, factor: number): ScalarExpr {
  return { op: 'mul', args: [{ op: 'mod', args: [variable, MAX_COUNT] }, factor] };
}

/** Of a place in the model, a step, and what else draws are to differ by: without the batch, predictions are the same in any. */
function keyOf(name: string, [tickOrBatch, ...others]: readonly ScalarExpr[]): ScalarExpr {
  const own = stream(0, name).bits(0) % MAX_COUNT;
  const parts = [...(tickOrBatch === undefined ? [] : [tickOrBatch]), times('step', STEP), ...others];
  const sum = parts.reduce((total, part): ScalarExpr => ({ op: 'add', args: [total, part] }), own);
  return { op: 'mod', args: [sum, MAX_COUNT] };
}

/** Whether an expression changes from tick to tick by itself. */
export function readsTime(expr: Expr): boolean {
  if (expr.kind === 'leaf') return expr.name === 'tick' || isDrawLeaf(expr.name);
  return expr.kind === 'apply' && expr.args.some(readsTime);
}

/** The first link or node that draws noise while values settle. */
export function noisyPart(graph: Graph): string | undefined {
  const isNoisy = (expr: Expr): boolean => drawsOf(expr).some(isDrawLeaf);
  return (
    graph.nodes.find((n) => isNoisy(n.energy) || (n.value && isNoisy(n.value)))?.name ??
    graph.links.find((l) => isNoisy(l.body))?.name
  );
}
