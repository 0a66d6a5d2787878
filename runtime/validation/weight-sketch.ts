/**
 * How far weights have moved from one snapshot to the next, without both: of each snapshot a projection is kept. The change
 * of a tensor times random signs (as Freivalds checks a product) is as long as the change itself, give or take a tenth; who
 * does not know the signs cannot make a change that it does not see. Pure.
 */

/** Sums of each tensor, each over other elements: the error of a length is about one over the root of twice as many. */
const PLACES = 64;
const PLACE_BITS = 6;
const GOLDEN = 0x9e3779b1 | 0;
/** Of one part: the first ones, in the order of their names. */
const MAX_TENSORS = 32;

export interface TensorSketch {
  readonly name: string;
  readonly elements: number;
  readonly squares: number;
  readonly sums: Float64Array;
}

/** Root mean squares over the elements of a tensor. */
export interface WeightMove {
  readonly tensor: string;
  readonly elements: number;
  /** Of what has changed since the snapshot before. */
  readonly moved: number;
  /** Of the values. */
  readonly size: number;
}

interface Open {
  readonly name: string;
  readonly bytes: 4 | 8;
  readonly sums: Float64Array;
  elements: number;
  squares: number;
}

/** Takes the tensors of a part one after the other, in pieces of any length. */
export class PartSketch {
  readonly #secret: number;
  readonly #done: TensorSketch[] = [];
  #open: Open | undefined;
  #rest = new Uint8Array(0);

  /** @param secret a number that trainers do not know, the same for all parts that are compared */
  constructor(secret: number) {
    this.#secret = secret | 1;
  }

  begin(name: string, dtype: string): void {
    this.#end();
    if (this.#done.length >= MAX_TENSORS) return;
    const bytes = dtype === 'F64' ? 8 : 4;
    this.#open = { name, bytes, sums: new Float64Array(PLACES), elements: 0, squares: 0 };
  }

  take(piece: Uint8Array): void {
    const open = this.#open;
    if (!open) return;
    const all = new Uint8Array(this.#rest.length + piece.length);
    all.set(this.#rest);
    all.set(piece, this.#rest.length);
    const whole = all.length - (all.length % open.bytes);
    this.#rest = all.slice(whole);
    add(
      open,
      open.bytes === 8 ? new Float64Array(all.buffer, 0, whole / 8) : new Float32Array(all.buffer, 0, whole / 4),
      this.#secret,
    );
  }

  end(): readonly TensorSketch[] {
    this.#end();
    return this.#done;
  }

  #end(): void {
    if (this.#open) this.#done.push(this.#open);
    this.#open = undefined;
    this.#rest = new Uint8Array(0);
  }
}

function add(open: Open, values: Float32Array | Float64Array, secret: number): void {
  const { sums } = open;
  let { elements, squares } = open;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    const spread = Math.imul(elements + secret, GOLDEN);
    const mixed = Math.imul(spread ^ (spread >>> 15), secret);
    const at = mixed >>> (32 - PLACE_BITS);
    // Without a branch, which no processor could foresee.
    sums[at] = (sums[at] as number) + value * (1 - ((mixed >>> 11) & 2));
    squares += value * value;
    elements++;
  }
  open.elements = elements;
  open.squares = squares;
}

/** @param before of an earlier snapshot of the same shard. @returns of the tensors that both have, in the same size */
export function movesBetween(before: readonly TensorSketch[], now: readonly TensorSketch[]): WeightMove[] {
  return now.flatMap(({ name, elements, squares, sums }) => {
    const old = before.find((tensor) => tensor.name === name && tensor.elements === elements);
    if (!old || elements === 0) return [];
    const change = sums.reduce((sum, value, i) => sum + (value - (old.sums[i] as number)) ** 2, 0);
    return [{ tensor: name, elements, moved: Math.sqrt(change / elements), size: Math.sqrt(squares / elements) }];
  });
}
