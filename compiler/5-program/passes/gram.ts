/**
 * The Gram rewrite. Under incremental learning with a linear optimiser the weights W of a clamped first link change
 * every tick by s·deltaᵀx, so their prediction u = x·Wᵀ changes by s·(x·xᵀ)·delta: with the batch's Gram matrix
 * K = x·xᵀ, made once, a tick costs B²·n instead of 2·B·n0·n, and W itself is needed only at the end. Exact
 * (semantics.md, equation 12).
 */
import { append } from '../../../spec/append.ts';
import type { Block, Carry, Op, ProgramFunction, Shape } from '../../../spec/program.ts';
import { Definitions, freshNames } from './definitions.ts';

interface Match {
  readonly carry: Carry;
  /** u = matmul(x, W, tb). */
  readonly prediction: Op;
  readonly x: string;
  readonly delta: string;
  /** W' = W - factors · deltaᵀx; a negative sign has been moved into `grows`. */
  readonly factors: readonly string[];
  readonly grows: boolean;
}

export function gram(f: ProgramFunction, stateShapes: ReadonlyMap<string, Shape>): ProgramFunction {
  const known = new Definitions(f, stateShapes);
  for (const block of f.blocks) for (const op of block.ops) known.add(op);
  const fresh = freshNames(f);
  const blocks: Block[] = [];
  for (const block of f.blocks) {
    const body = bodyOf(block);
    const matches = block.repeat === 1 ? [] : block.carries.flatMap((c) => match(c, body, known) ?? []);
    const before = blocks.at(-1);
    if (matches.length === 0 || !before || before.repeat !== 1) {
      blocks.push(block);
      continue;
    }
    let tick = block;
    const outside: Op[] = [];
    const behind: Op[] = [];
    for (const m of matches) {
      const parts = rewrite(m, tick, known, fresh);
      tick = parts.tick;
      outside.push(...parts.outside);
      behind.push(...parts.behind);
    }
    blocks[blocks.length - 1] = { ...before, ops: [...before.ops, ...outside] };
    blocks.push(tick, {
      name: 'gram',
      repeat: 1,
      firstTick: block.firstTick + block.repeat,
      scalars: [],
      carries: [],
      ops: behind,
    });
  }
  return { ...f, blocks };
}

/** Facts that the rewrite needs about each carry of a block. */
interface Body {
  readonly carries: ReadonlyMap<string, Carry>;
  readonly ops: ReadonlyMap<string, Op>;
  /** By the value that they read. */
  readonly readers: ReadonlyMap<string, readonly Op[]>;
  /** Carries by the value that they take next. */
  readonly nexts: ReadonlyMap<string, readonly Carry[]>;
}

function bodyOf({ carries, ops }: Block): Body {
  const readers = new Map<string, Op[]>();
  for (const op of ops) for (const arg of new Set(op.args)) append(readers, arg, op);
  const nexts = new Map<string, Carry[]>();
  for (const carry of carries) append(nexts, carry.next, carry);
  return {
    carries: new Map(carries.map((c) => [c.id, c])),
    ops: new Map(ops.map((op) => [op.id, op])),
    readers,
    nexts,
  };
}

function match(carry: Carry, { carries, ops, readers: readersOf, nexts }: Body, known: Definitions): Match | undefined {
  const readers = readersOf.get(carry.id) ?? [];
  const prediction = readers.find((op) => op.op === 'matmul' && op.args[1] === carry.id);
  const next = ops.get(carry.next);
  if (!prediction || !next || readers.length !== 2 || nexts.get(carry.id)?.some((c) => c !== carry)) return undefined;
  if (prediction.attributes.tb !== true || prediction.attributes.ta === true) return undefined;
  if ((next.op !== 'sub' && next.op !== 'add') || next.args[0] !== carry.id) return undefined;
  const x = prediction.args[0] as string;
  if (carries.has(x) || ops.has(x) || known.shape(x).length !== 2) return undefined;
  const factors: string[] = [];
  let slope = known.get(next.args[1]);
  while (slope?.op === 'mul' && known.shape(slope.args[1] as string).length === 0) {
    factors.push(slope.args[1] as string);
    slope = known.get(slope.args[0]);
  }
  if (slope?.op !== 'matmul' || slope.attributes.ta !== true || slope.attributes.tb === true || slope.args[1] !== x)
    return undefined;
  const [samples, inputs] = known.shape(x) as [number, number];
  // Per tick and unit: 2 B n0 for prediction and step, against B² for the correction.
  if (samples >= 2 * inputs) return undefined;
  return { carry, prediction, x, delta: slope.args[0] as string, factors, grows: next.op === 'add' };
}

function rewrite(
  m: Match,
  block: Block,
  known: Definitions,
  fresh: () => string,
): { tick: Block; outside: Op[]; behind: Op[] } {
  const [samples] = known.shape(m.x) as [number];
  const shape = m.prediction.shape;
  const origin = m.prediction.origin;
  const make = (op: string, args: string[], attributes: Op['attributes'], size: Shape): Op => {
    const made: Op = { id: fresh(), op, args, attributes, shape: size, ...(origin === undefined ? {} : { origin }) };
    known.add(made);
    return made;
  };
  const first = make('matmul', [m.x, m.carry.init], m.prediction.attributes, shape);
  const matrix = make('matmul', [m.x, m.x], { tb: true }, [samples, samples]);
  const zero = make('constant', [], { value: 0 }, []);
  const none = make('broadcast', [zero.id], { shape: [...shape] }, shape);

  const inner: Op[] = [];
  const behind: Op[] = [];
  const times = (value: Op, factors: readonly string[], into: Op[]): Op =>
    factors.reduce((product, factor) => {
      const op = make('mul', [product.id, factor], {}, product.shape);
      into.push(op);
      return op;
    }, value);
  // What varies with the tick has to be inside the sum; constants are applied to it once.
  const constants = m.factors.filter((id) => known.uniform(id) !== undefined);
  const varying = m.factors.filter((id) => known.uniform(id) === undefined);
  const step = times({ id: m.delta, op: '', args: [], attributes: {}, shape }, varying, inner).id;
  const product = make('matmul', [matrix.id, step], {}, shape);
  inner.push(product);
  const change = times(product, constants, inner);
  const sign = m.grows ? 'add' : 'sub';
  const moved = make(sign, [m.prediction.id, change.id], {}, shape);
  const sumInside = fresh();
  const summed = make('add', [sumInside, step], {}, shape);
  inner.push(moved, summed);
  const sumAfter = fresh();

  const slopes = make('matmul', [sumAfter, m.x], { ta: true }, m.carry.shape);
  behind.push(slopes);
  const slope = times(slopes, constants, behind);
  const weight = { ...make(sign, [m.carry.init, slope.id], {}, m.carry.shape), id: m.carry.result };
  const carries: Carry[] = [
    ...block.carries.filter((c) => c !== m.carry),
    { id: m.prediction.id, shape, init: first.id, next: moved.id, result: fresh() },
    { id: sumInside, shape, init: none.id, next: summed.id, result: sumAfter },
  ];
  const ops = [...block.ops.filter((op) => op.id !== m.prediction.id && op.id !== m.carry.next), ...inner];
  behind.push(weight);
  return { tick: { ...block, ops, carries }, outside: [first, matrix, zero, none], behind };
}
