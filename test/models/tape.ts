/**
 * Reverse mode over single numbers: every number that is computed remembers at most two numbers that it came from, with
 * its derivative by each of them. Slow, and small enough to be seen to be right.
 */

/** A number on the tape. */
export type Cell = number;

/** A tensor of numbers on the tape, row-major. */
export interface Cells {
  readonly shape: readonly number[];
  readonly at: readonly Cell[];
}

/** Numbers that a tape has room for before it grows. */
const FIRST = 512;

const exactly = (x: number): number => x;

/** Three bits fewer than f32 has, as its libraries' functions are right to a few units in the last place. */
function roughly(x: number): number {
  const large = Math.fround(x * 9);
  return Math.fround(large - Math.fround(large - x));
}

export class Tape {
  /** The largest number so far, without its sign. */
  largest = 0;
  /** What a machine makes of a function's value, of which slopes are made, too. */
  readonly roundFunction: (x: number) => number;
  readonly #round: (x: number) => number;
  #count = 0;
  #values: Float64Array = new Float64Array(FIRST);
  /** Two parents and two derivatives for each number; -1 where there is no parent. */
  #parents = new Int32Array(2 * FIRST);
  #slopes: Float64Array = new Float64Array(2 * FIRST);

  /** @param short whether all numbers and derivatives are rounded to f32, and functions to a few of its last places */
  constructor(short = false) {
    this.#round = short ? Math.fround : exactly;
    this.roundFunction = short ? roughly : exactly;
  }

  /** A number that came from nothing: an input, a weight, a constant. */
  leaf(value: number): Cell {
    return this.#push(value, -1, 0, -1, 0);
  }

  unary(x: Cell, value: number, slope: number): Cell {
    return this.#push(value, x, slope, -1, 0);
  }

  binary(a: Cell, b: Cell, value: number, slopeA: number, slopeB: number): Cell {
    return this.#push(value, a, slopeA, b, slopeB);
  }

  read(cell: Cell): number {
    return this.#values[cell] as number;
  }

  add(a: Cell, b: Cell): Cell {
    return this.binary(a, b, this.read(a) + this.read(b), 1, 1);
  }

  mul(a: Cell, b: Cell): Cell {
    const [x, y] = [this.read(a), this.read(b)];
    return this.binary(a, b, x * y, y, x);
  }

  /** The sum of some numbers; a new leaf where there are none. */
  sum(cells: readonly Cell[]): Cell {
    let sum: Cell | undefined;
    for (const cell of cells) sum = sum === undefined ? cell : this.add(sum, cell);
    return sum ?? this.leaf(0);
  }

  leaves(shape: readonly number[], values: ArrayLike<number>): Cells {
    const at: Cell[] = [];
    for (let i = 0; i < values.length; i++) at.push(this.leaf(values[i] as number));
    return { shape, at };
  }

  numbers({ at }: Cells): number[] {
    return at.map((cell) => this.read(cell));
  }

  /** The derivative of one number by every number on the tape. */
  derivatives(of: Cell): Float64Array {
    const found = new Float64Array(of + 1);
    found[of] = 1;
    for (let cell = of; cell >= 0; cell--) {
      const slope = found[cell] as number;
      if (slope === 0) continue;
      for (let i = 2 * cell; i < 2 * cell + 2; i++) {
        const parent = this.#parents[i] as number;
        if (parent >= 0)
          found[parent] = this.#round((found[parent] as number) + this.#round(slope * (this.#slopes[i] as number)));
      }
    }
    return found;
  }

  #push(exact: number, a: Cell, slopeA: number, b: Cell, slopeB: number): Cell {
    const value = this.#round(exact);
    const cell = this.#count++;
    if (cell === this.#values.length) this.#grow();
    this.#values[cell] = value;
    if (!(Math.abs(value) <= this.largest)) this.largest = Number.isNaN(value) ? Infinity : Math.abs(value);
    this.#parents[2 * cell] = a;
    this.#parents[2 * cell + 1] = b;
    this.#slopes[2 * cell] = slopeA;
    this.#slopes[2 * cell + 1] = slopeB;
    return cell;
  }

  #grow(): void {
    const size = 2 * this.#values.length;
    const larger = (values: Float64Array, length: number): Float64Array => {
      const found = new Float64Array(length);
      found.set(values);
      return found;
    };
    this.#values = larger(this.#values, size);
    this.#slopes = larger(this.#slopes, 2 * size);
    const parents = this.#parents;
    this.#parents = new Int32Array(2 * size);
    this.#parents.set(parents);
  }
}
