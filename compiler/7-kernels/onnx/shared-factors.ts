/**
 * Factors that many elements of a picture share, a number for each page or for each channel, as normalisation multiplies
 * and divides by: they are put together before the picture is gone over, which happens once then and not for each of them.
 * A sum takes them behind it, as far as they are the same for all that it adds up. Dividing goes by the reciprocal.
 */
import { type Op, type Shape, sameShape, sizeOf } from '../../../spec/program.ts';
import { axesOf } from '../../operators/reduction.ts';

/** So many elements of a picture share a factor, at least. */
const SHARED = 8;
/** [page, height, width, channel] */
const RANK = 4;

interface Factor {
  readonly id: string;
  readonly isDivisor: boolean;
}

/** A value that is not made yet: a picture by factors. */
interface Pending {
  readonly base: string;
  readonly factors: readonly Factor[];
}

/**
 * @param kept values that something outside reads
 * @param constants numbers by their names
 * @param shapeOf shapes of what no operation makes
 * @returns operations that give the same values but for rounding
 */
export function shareFactors(
  ops: readonly Op[],
  kept: ReadonlySet<string>,
  constants: ReadonlyMap<string, number>,
  shapeOf: (id: string) => Shape,
): readonly Op[] {
  const shapes = new Map(ops.map((op) => [op.id, op.shape]));
  const of = (id: string): Shape => shapes.get(id) ?? shapeOf(id);
  const isFactor = ({ args: [, b = ''], shape }: Op): boolean => isSharedBy(of(b), shape) && !constants.has(b);
  if (!ops.some((op) => op.op === 'div' && isFactor(op))) return ops;
  return new SharedFactors(kept, constants, of).rewritten(ops);
}

/** Whether it is spread over a picture, many elements of which get the same number. */
function isSharedBy(factor: Shape, picture: Shape): boolean {
  if (picture.length !== RANK || factor.length > RANK || sizeOf(factor) * SHARED > sizeOf(picture)) return false;
  return aligned(factor).every((n, axis) => n === 1 || n === picture[axis]);
}

const aligned = (shape: Shape): Shape => [1, 1, 1, 1, ...shape].slice(-RANK);

class SharedFactors {
  readonly #kept: ReadonlySet<string>;
  readonly #constants: ReadonlyMap<string, number>;
  readonly #given: (id: string) => Shape;
  readonly #made = new Map<string, Shape>();
  readonly #pending = new Map<string, Pending>();
  /** What has been written down, by what it is made of. */
  readonly #known = new Map<string, string>();
  readonly #ops: Op[] = [];

  constructor(kept: ReadonlySet<string>, constants: ReadonlyMap<string, number>, given: (id: string) => Shape) {
    this.#kept = kept;
    this.#constants = constants;
    this.#given = given;
  }

  rewritten(ops: readonly Op[]): readonly Op[] {
    for (const op of ops) {
      this.#add(op);
      if (this.#kept.has(op.id)) this.#whole(op.id);
    }
    return this.#ops;
  }

  #shape(id: string): Shape {
    return this.#made.get(id) ?? this.#given(id);
  }

  #add(op: Op): void {
    const pending = op.op === 'mul' ? this.#product(op) : op.op === 'div' ? this.#quotient(op) : undefined;
    if (pending) this.#pending.set(op.id, pending);
    else if (!((op.op === 'sum' || op.op === 'mean') && this.#reduced(op))) {
      for (const id of op.args) this.#whole(id);
      this.#ops.push(op);
    }
  }

  #product(op: Op): Pending | undefined {
    const [a = '', b = ''] = op.args;
    if (isSharedBy(this.#shape(b), op.shape)) return this.#times(op, a, { id: b, isDivisor: false });
    if (isSharedBy(this.#shape(a), op.shape)) return this.#times(op, b, { id: a, isDivisor: false });
    const [left, right] = [this.#parts(a), this.#parts(b)];
    const factors = [...left.factors, ...right.factors];
    if (factors.length === 0 || ![a, b].every((id) => sameShape(this.#shape(id), op.shape))) return undefined;
    const args = [left.base, right.base].sort();
    return { base: this.#once(`mul ${args}`, { ...op, id: `${op.id}.base`, args }), factors };
  }

  #quotient(op: Op): Pending | undefined {
    const [a = '', b = ''] = op.args;
    return isSharedBy(this.#shape(b), op.shape) ? this.#times(op, a, { id: b, isDivisor: true }) : undefined;
  }

  /** A number alone is left where it is, unless it meets other factors. */
  #times(op: Op, picture: string, factor: Factor): Pending | undefined {
    if (!sameShape(this.#shape(picture), op.shape)) return undefined;
    const { base, factors } = this.#parts(picture);
    if (factors.length === 0 && this.#constants.has(factor.id)) return undefined;
    this.#whole(factor.id);
    return { base, factors: [...factors, factor] };
  }

  #parts(id: string): Pending {
    return this.#pending.get(id) ?? { base: id, factors: [] };
  }

  /** A sum of a picture by factors: first over axes along which they are the same, then over the others. */
  #reduced(op: Op): boolean {
    const [x = ''] = op.args;
    const pending = this.#pending.get(x);
    if (!pending) return false;
    const shape = this.#shape(x);
    const { base, factors } = pending;
    const axes = axesOf(op.attributes, RANK);
    const differs = (axis: number): boolean => factors.some(({ id }) => aligned(this.#shape(id))[axis] !== 1);
    const [first, then] = [axes.filter((axis) => !differs(axis)), axes.filter(differs)];
    const over = (from: Shape, some: readonly number[]): Shape => from.map((n, axis) => (some.includes(axis) ? 1 : n));
    const part = over(shape, first);
    if (sizeOf(part) * SHARED > sizeOf(shape)) return false;
    const sum = (of: string, name: string, some: readonly number[], made: Shape): string =>
      this.#once(`${op.op} ${some} ${of}`, {
        ...{ id: `${op.id}.${name}`, op: op.op, args: [of], attributes: { axes: [...some], keep: true }, shape: made },
      });
    let made = sum(base, 'part', first, part);
    if (factors.length > 0) made = this.#by(made, factors, part, `${op.id}.by`);
    if (then.length > 0) made = sum(made, 'whole', then, over(part, then));
    this.#write({ ...op, op: 'reshape', args: [made], attributes: { shape: [...op.shape] } });
    return true;
  }

  /** Makes the value under its own name, where it is not there yet. */
  #whole(id: string): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    const shape = this.#shape(id);
    const args = [pending.base, this.#together(pending.factors, `${id}.factor`)];
    this.#write({ id, op: 'mul', args, attributes: {}, shape });
  }

  #by(value: string, factors: readonly Factor[], shape: Shape, id: string): string {
    const args = [value, this.#together(factors, `${id}.factor`)];
    return this.#once(`mul ${args}`, { id, op: 'mul', args, attributes: {}, shape });
  }

  /** The product of all factors. */
  #together(factors: readonly Factor[], id: string): string {
    const names = factors.map((factor) => (factor.isDivisor ? this.#reciprocal(factor.id) : factor.id)).sort();
    // The smallest first: what is multiplied stays small as long as it can.
    names.sort((a, b) => sizeOf(this.#shape(a)) - sizeOf(this.#shape(b)));
    return names.reduce((made, next, i) => {
      const shape = spread(this.#shape(made), this.#shape(next));
      return this.#once(`mul ${[made, next]}`, {
        ...{ id: `${id}.${i}`, op: 'mul', args: [made, next], attributes: {}, shape },
      });
    });
  }

  #reciprocal(id: string): string {
    const one: Op = { id: 'factor.one', op: 'constant', args: [], attributes: { value: 1 }, shape: [] };
    const args = [this.#once('one', one), id];
    const made: Op = { id: `${id}.reciprocal`, op: 'div', args, attributes: {}, shape: this.#shape(id) };
    return this.#once(`reciprocal ${id}`, made);
  }

  #once(key: string, op: Op): string {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    for (const id of op.args) this.#whole(id);
    this.#write(op);
    this.#known.set(key, op.id);
    return op.id;
  }

  #write(op: Op): void {
    this.#made.set(op.id, op.shape);
    this.#ops.push(op);
  }
}

/** The shape of both together. */
function spread(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const [left, right] = [a, b].map((shape) => [...new Array<number>(rank - shape.length).fill(1), ...shape]);
  return (left ?? []).map((n, axis) => Math.max(n, right?.[axis] ?? 1));
}
