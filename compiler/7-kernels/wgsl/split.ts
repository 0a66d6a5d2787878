/**
 * Weight gradients sum over many samples into few elements: too few threads would each have a long sum. Such a product
 * is split along what it sums over, and a second pass adds the parts up, always in the same order: no atomics, the same
 * bits each time.
 */
import { type Op, type Shape, sizeOf } from '../../../spec/program.ts';

/** Threads that a device should have at work. */
const ENOUGH = 16384;
/** Terms that stay in one part, at least; and what is worth two passes. */
const [TERMS, LONG] = [64, 512];
const MAX_PARTS = 64;

/** @param shapes of what is defined so far; of what is made here too */
export function* splitProducts(ops: Iterable<Op>, shapes: Map<string, Shape>): Generator<Op> {
  for (const op of ops) {
    const parts = partsOf(op, shapes);
    if (parts < 2) yield op;
    else yield* split(op, parts, shapes);
  }
}

/** Powers of two that divide the terms: then each side lies in parts as it is. */
function partsOf({ op, args, attributes, shape }: Op, shapes: ReadonlyMap<string, Shape>): number {
  if (op !== 'matmul' || attributes.ta !== true || attributes.tb === true || shape.length !== 2) return 1;
  const [left, right] = args.map((arg) => shapes.get(arg) ?? []);
  const terms = left?.[0] ?? 1;
  if (left?.length !== 2 || right?.length !== 2 || terms < LONG) return 1;
  let parts = 1;
  while (
    parts < MAX_PARTS &&
    terms % (2 * parts) === 0 &&
    terms / (2 * parts) >= TERMS &&
    sizeOf(shape) * parts < ENOUGH
  )
    parts *= 2;
  return parts;
}

function* split(op: Op, parts: number, shapes: Map<string, Shape>): Generator<Op> {
  const { origin, attributes, shape } = op;
  const named = origin === undefined ? {} : { origin };
  const sides: string[] = [];
  for (const [side, arg] of op.args.entries()) {
    const [terms = 1, width = 1] = shapes.get(arg) ?? [];
    const id = `${op.id}:side${side}`;
    const pages = [parts, terms / parts, width];
    shapes.set(id, pages);
    sides.push(id);
    yield { id, op: 'reshape', args: [arg], attributes: { shape: pages }, shape: pages, ...named };
  }
  const id = `${op.id}:parts`;
  const pages = [parts, ...shape];
  shapes.set(id, pages);
  yield { id, op: 'matmul', args: sides, attributes, shape: pages, ...named };
  yield { id: op.id, op: 'sum', args: [id], attributes: { axes: [0], keep: false }, shape, ...named };
}
