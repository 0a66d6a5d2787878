/**
 * Where a function's values have the axis of samples. Axes that must be alike are joined until every one is known to
 * count samples or not to; where both would be, or where samples are mixed, the function has one batch size only.
 */
import { type Op, type Program, type ProgramFunction, type Shape, sameShape } from '../../spec/program.ts';
import { permutationOf } from '../operators/layout.ts';
import { axesOf, axisOf } from '../operators/reduction.ts';
import { isOperator, operators } from '../operators/table.ts';

/** Why a function cannot be made for another number of samples. */
export class FixedBatch extends Error {
  override readonly name = 'FixedBatch';
}

/** The axis of samples of each value that has one. */
export type BatchAxes = ReadonlyMap<string, number>;

/** @throws FixedBatch */
export function batchAxes(program: Program, f: ProgramFunction): BatchAxes {
  const shapes = shapesOf(program, f);
  const axes = new Axes(shapes, f.batch);
  const read = namesIn(f);
  for (const { id, role, members } of program.states)
    if (read.has(id)) axes.fixAll(id, role === 'memory' ? (members ? 1 : 0) : undefined);
  for (const { id } of f.inputs) axes.fixAll(id, 0);
  for (const block of f.blocks) {
    for (const { id, init, next, result } of block.carries)
      for (const other of [init, next, result]) axes.sameAll(id, other);
    for (const op of block.ops) relate(op, axes);
  }
  for (const { state, value } of f.updates) axes.sameAll(state, value);
  for (const { value, members } of f.results) axes.fixAll(value, members ? 1 : 0);
  return axes.found();
}

/** Values that the function reads, and states that it writes. */
function namesIn(f: ProgramFunction): Set<string> {
  return new Set([
    ...f.blocks.flatMap((b) => [...b.ops.flatMap((op) => op.args), ...b.carries.flatMap((c) => [c.init, c.next])]),
    ...f.updates.flatMap((u) => [u.state, u.value]),
    ...f.results.map((r) => r.value),
  ]);
}

function shapesOf(program: Program, f: ProgramFunction): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  const define = (id: string, shape: Shape): void => {
    const known = shapes.get(id);
    if (known && !sameShape(known, shape)) throw new FixedBatch(`${id} names two values`);
    shapes.set(id, shape);
  };
  for (const { id, shape } of [...program.states, ...f.inputs]) define(id, shape);
  for (const { scalars, carries, ops } of f.blocks) {
    for (const { id } of scalars) define(id, []);
    for (const { id, result, shape } of carries) {
      define(id, shape);
      define(result, shape);
    }
    for (const { id, shape } of ops) define(id, shape);
  }
  return shapes;
}

/** Joins axes; each of them counts samples, or counts something else, or is still open. */
class Axes {
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #batch: number;
  readonly #parents = new Map<string, string>();
  readonly #samples = new Map<string, boolean>();

  constructor(shapes: ReadonlyMap<string, Shape>, batch: number) {
    if (batch < 2) throw new FixedBatch('it was made for one sample');
    this.#shapes = shapes;
    this.#batch = batch;
  }

  shapeOf(id: string): Shape {
    const shape = this.#shapes.get(id);
    if (!shape) throw new FixedBatch(`${id} is not defined`);
    return shape;
  }

  /** @param counts whether the axis counts samples */
  fix(id: string, axis: number, counts: boolean): void {
    if (!this.#canCount(id, axis)) {
      if (counts) throw new FixedBatch(`${id} does not hold ${this.#batch} samples`);
      return;
    }
    const root = this.#root(`${axis} ${id}`);
    const known = this.#samples.get(root);
    if (known !== undefined && known !== counts) throw new FixedBatch(`${id} mixes samples`);
    this.#samples.set(root, counts);
  }

  /** The one axis that counts samples, or none. */
  fixAll(id: string, samples: number | undefined): void {
    this.shapeOf(id).forEach((_, axis) => {
      this.fix(id, axis, axis === samples);
    });
    if (samples !== undefined && samples >= this.shapeOf(id).length)
      throw new FixedBatch(`${id} is not one value for each sample`);
  }

  same(a: string, axisA: number, b: string, axisB: number): void {
    const [left, right] = [this.#canCount(a, axisA), this.#canCount(b, axisB)];
    if (left && !right) this.fix(a, axisA, false);
    if (right && !left) this.fix(b, axisB, false);
    if (!left || !right) return;
    const [from, to] = [this.#root(`${axisA} ${a}`), this.#root(`${axisB} ${b}`)];
    if (from === to) return;
    const [x, y] = [this.#samples.get(from), this.#samples.get(to)];
    if (x !== undefined && y !== undefined && x !== y) throw new FixedBatch(`${a} and ${b} mix samples`);
    this.#parents.set(from, to);
    if (x !== undefined) this.#samples.set(to, x);
  }

  sameAll(a: string, b: string): void {
    this.shapeOf(a).forEach((_, axis) => {
      this.same(a, axis, b, axis);
    });
  }

  found(): BatchAxes {
    const found = new Map<string, number>();
    for (const [id, shape] of this.#shapes)
      shape.forEach((_, axis) => {
        if (!this.#canCount(id, axis) || this.#samples.get(this.#root(`${axis} ${id}`)) !== true) return;
        if (found.has(id)) throw new FixedBatch(`${id} compares samples with each other`);
        found.set(id, axis);
      });
    return found;
  }

  #canCount(id: string, axis: number): boolean {
    return (this.shapeOf(id)[axis] ?? 1) % this.#batch === 0;
  }

  #root(key: string): string {
    let root = key;
    for (let up = this.#parents.get(root); up !== undefined; up = this.#parents.get(root)) root = up;
    if (root !== key) this.#parents.set(key, root);
    return root;
  }
}

type Relation = (op: Op, axes: Axes) => void;

/** Axes are aligned at the last; one of size 1 is repeated. */
const aligned: Relation = ({ id, args }, axes) => {
  const shape = axes.shapeOf(id);
  for (const arg of args) {
    const own = axes.shapeOf(arg);
    own.forEach((n, axis) => {
      const to = axis + shape.length - own.length;
      if (n === shape[to]) axes.same(arg, axis, id, to);
    });
  }
};

/** The first argument's axes but those in `but`, which are within one sample. */
const kept =
  (but: (op: Op, rank: number) => readonly number[]): Relation =>
  (op, axes) => {
    const [arg = ''] = op.args;
    const rank = axes.shapeOf(arg).length;
    const gone = but(op, rank);
    // Where they are dropped the others move up.
    const dropped = axes.shapeOf(op.id).length < rank;
    let to = 0;
    for (let axis = 0; axis < rank; axis++) {
      const inside = gone.includes(axis);
      if (inside) axes.fix(arg, axis, false);
      else axes.same(arg, axis, op.id, to);
      if (!inside || !dropped) {
        if (inside) axes.fix(op.id, to, false);
        to++;
      }
    }
    for (; to < axes.shapeOf(op.id).length; to++) axes.fix(op.id, to, false);
  };

const reduced = kept((op, rank) => axesOf(op.attributes, rank));
const alongAxis = kept((op, rank) => [axisOf(op.attributes, rank)]);
const alongFirst = kept(() => [0]);

/** Pictures: whatever stands in front of height, width and channels. */
const pictures: Relation = (op, axes) => {
  for (const arg of op.args.slice(1)) axes.fixAll(arg, undefined);
  kept((_, rank) => [rank - 3, rank - 2, rank - 1])(op, axes);
};

const joined: Relation = (op, axes) => {
  for (const arg of op.args) alongAxis({ ...op, args: [arg] }, axes);
};

const product: Relation = ({ id, args, attributes }, axes) => {
  const [a = '', b = ''] = args;
  const [left, right, shape] = [axes.shapeOf(a), axes.shapeOf(b), axes.shapeOf(id)];
  const [row, inner] = attributes.ta === true ? [1, 2] : [2, 1];
  const [depth, column] = attributes.tb === true ? [1, 2] : [2, 1];
  axes.same(a, left.length - row, id, shape.length - 2);
  axes.same(b, right.length - column, id, shape.length - 1);
  axes.fix(a, left.length - inner, false);
  axes.fix(b, right.length - depth, false);
  for (const [arg, own] of [[a, left] as const, [b, right] as const])
    own.slice(0, -2).forEach((n, axis) => {
      const to = axis + shape.length - own.length;
      if (n === shape[to]) axes.same(arg, axis, id, to);
    });
};

/** Axes that are joined or divided keep the samples outermost. */
const reshaped: Relation = ({ id, args }, axes) => {
  const [arg = ''] = args;
  const wide = (name: string): [number, number][] =>
    axes.shapeOf(name).flatMap((n, axis): [number, number][] => (n === 1 ? [] : [[axis, n]]));
  const [from, to] = [wide(arg), wide(id)];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const [first, second] = [from[i], to[j]];
    if (!first || !second) throw new FixedBatch(`${id} has another number of elements`);
    axes.same(arg, first[0], id, second[0]);
    let [x, y] = [first[1], second[1]];
    i++;
    j++;
    while (x !== y) {
      const [name, next] = x < y ? [arg, from[i++]] : [id, to[j++]];
      if (!next) throw new FixedBatch(`${id} has another number of elements`);
      axes.fix(name, next[0], false);
      if (x < y) x *= next[1];
      else y *= next[1];
    }
  }
};

const relations: Readonly<Record<string, Relation>> = {
  constant: () => undefined,
  range: ({ id }, axes) => axes.fixAll(id, undefined),
  rows: ({ id }, axes) => axes.fixAll(id, 0),
  broadcast: aligned,
  matmul: product,
  reshape: reshaped,
  transpose: ({ id, args, attributes }, axes) => {
    const [arg = ''] = args;
    permutationOf(attributes, axes.shapeOf(id).length).forEach((from, to) => {
      axes.same(arg, from, id, to);
    });
  },
  sum: reduced,
  mean: reduced,
  amax: reduced,
  softmax: alongAxis,
  log_softmax: alongAxis,
  argmax: alongAxis,
  slice: alongAxis,
  pad: alongAxis,
  concatenate: joined,
  layer_norm: kept((_, rank) => [rank - 1]),
  one_hot: kept(() => []),
  embed: (op, axes) => {
    const [table = '', ids = ''] = op.args;
    axes.fixAll(table, undefined);
    kept(() => [])({ ...op, args: [ids] }, axes);
  },
  conv2d: pictures,
  conv_transpose2d: pictures,
  max_pool2d: pictures,
  average_pool2d: pictures,
  average_pool2d_gradient: pictures,
  max_pool2d_gradient: (op, axes) => {
    for (const arg of op.args) pictures({ ...op, args: [arg] }, axes);
  },
  pages: alongFirst,
  pages_sum: alongFirst,
};

function relate(op: Op, axes: Axes): void {
  const relation = relations[op.op] ?? (isOperator(op.op) && operators[op.op].elementwise ? aligned : apart);
  relation(op, axes);
}

/** Of any other operator it is not known what it does to samples. */
const apart: Relation = ({ id, args }, axes) => {
  for (const name of [id, ...args]) axes.fixAll(name, undefined);
};
