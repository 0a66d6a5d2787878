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

export class Tape {
  readonly #values: number[] = [];
  /** Two parents and two derivatives for each number; -1 where there is no parent. */
  readonly #parents: number[] = [];
  readonly #slopes: number[] = [];

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
    const [first, ...rest] = cells;
    return first === undefined ? this.leaf(0) : rest.reduce((sum, cell) => this.add(sum, cell), first);
  }

  leaves(shape: readonly number[], values: ArrayLike<number>): Cells {
    return { shape, at: Array.from(values, (value) => this.leaf(value)) };
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
        if (parent >= 0) found[parent] = (found[parent] as number) + slope * (this.#slopes[i] as number);
      }
    }
    return found;
  }

  #push(value: number, a: Cell, slopeA: number, b: Cell, slopeB: number): Cell {
    this.#parents.push(a, b);
    this.#slopes.push(slopeA, slopeB);
    return this.#values.push(value) - 1;
  }
}
