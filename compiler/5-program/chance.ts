/**
 * Names of settling that definitions may read: `tick`, and `noise(std)`, drawn anew in every tick from counters
 * (equation 14f): the element, the sample's row in its batch, and a key of the place in the model, the tick, the step
 * and the batch.
 */
import { isDrawLeaf } from '../../spec/names.ts';
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
  for (const name of drawsOf(expr)) bindings[name] = { value: draw(builder, network, `${owner}:${name}`, shape, now) };
  return bindings;
}

/** Of expressions that many links share. */
const drawn = new WeakMap<Expr, readonly string[]>();

/** Names of the draws that an expression reads. */
function drawsOf(expr: Expr): readonly string[] {
  const known = drawn.get(expr);
  if (known) return known;
  const found = [...leavesOf(expr)].filter(isDrawLeaf);
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
  const ones = shape.map(() => 1);
  const counted = builder.op('range', [], { size: sizeOf(shape) });
  const element = builder.op('reshape', [counted], { shape: [1, ...shape] });
  const row = builder.op('reshape', [builder.op('rows', [], { shape: [network.batch] })], {
    shape: [network.batch, ...ones],
  });
  return builder.op('noise', [element, row, builder.scalar(keyOf(name, now, network.answers === true))]);
}

/** @param answers the same input is to give the same answer, whichever batch it is in */
function keyOf(name: string, now: number | 'tick', answers: boolean): ScalarExpr {
  const times = (variable: ScalarExpr, factor: number): ScalarExpr => ({
    op: 'mul',
    args: [{ op: 'mod', args: [variable, MAX_COUNT] }, factor],
  });
  const own = stream(0, name).bits(0) % MAX_COUNT;
  const parts = [times(now, TICK), times('step', STEP), ...(answers ? [] : [times('batch', BATCH)])];
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
  const isNoisy = (expr: Expr): boolean => drawsOf(expr).length > 0;
  return (
    graph.nodes.find((n) => isNoisy(n.energy) || (n.value && isNoisy(n.value)))?.name ??
    graph.links.find((l) => isNoisy(l.body))?.name
  );
}
