/**
 * Activations whose value and slope share most of their work, written once for both. The nodes and their order were
 * chosen by measuring (see the benchmark's notes): `Where` and comparisons cost four times a product of elements.
 */
import type { Op } from '../../../spec/program.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { Picked } from './pooling.ts';

/** gelu in its tanh form is u·s with s = sigmoid(u·q), q = 2k + 2kc u²; its slope is s·(1 + (u - f)(3q - 4k)). */
const K = Math.sqrt(2 / Math.PI);
const C = 0.044715;
/** Any normal number times this is beyond 1, so that a clip tells signs apart. */
const HUGE = 1e38;

export class Slopes {
  /**
   * Whether any slope of gelu is wanted. Then all of the function's values of gelu are of one form: an error of exactly
   * zero must not become a rounding error, which Adam would turn into a whole step.
   */
  readonly #oneForm: boolean;
  readonly #gelus = new Map<string, { square: string; sigmoid: string; value: string }>();
  /** Arguments of `step` operations, by the name of each operation's result. */
  readonly #steps = new Map<string, string>();
  readonly #masks = new Map<string, string>();
  readonly #e: OnnxEmitter;

  constructor(ops: readonly Op[], e: OnnxEmitter) {
    this.#e = e;
    this.#oneForm = ops.some((op) => op.op === 'gelu_slope');
  }

  gelu(op: Op): void {
    const u = op.args[0] ?? '';
    if (!this.#oneForm) this.#e.node('Gelu', [u], { approximate: 'tanh' }, op.id);
    else this.#e.alias(op.id, this.#geluParts(u).value);
  }

  geluSlope(op: Op): void {
    const e = this.#e;
    const u = op.args[0] ?? '';
    const { square, sigmoid, value } = this.#geluParts(u);
    const bend = e.node('Add', [e.node('Mul', [square, e.number(6 * K * C)]), e.number(2 * K)]);
    const rest = e.node('Mul', [e.node('Sub', [u, value]), bend]);
    e.node('Mul', [sigmoid, e.node('Add', [rest, e.number(1)])], {}, op.id);
  }

  /** The slope where gelu has the value `largest`, of u by `places`: s + f(1 - s)(3q - 4k). */
  geluSlopeAt({ share, largest, places }: Picked): string {
    const e = this.#e;
    const square = e.node('Mul', [share, share]);
    const q = e.node('Add', [e.node('Mul', [square, e.number(2 * K * C * places ** 3)]), e.number(2 * K * places)]);
    const sigmoid = e.node('Sigmoid', [e.node('Mul', [share, q])]);
    const bend = e.node('Add', [e.node('Mul', [square, e.number(6 * K * C * places ** 2)]), e.number(2 * K)]);
    const rest = e.node('Mul', [largest, e.node('Sub', [e.number(1), sigmoid])]);
    return e.node('Add', [sigmoid, e.node('Mul', [rest, bend])]);
  }

  /** 1 where u > 0, else 0; only written down when something reads it as it is. */
  step(op: Op): void {
    const u = op.args[0] ?? '';
    this.#steps.set(op.id, u);
    this.mask(u, 0, 1, op.id);
  }

  steppedBy(id: string | undefined): string | undefined {
    return id === undefined ? undefined : this.#steps.get(id);
  }

  /** `high` where u > 0, else `low`, for high > low. */
  mask(u: string, low: number, high: number, output?: string): string {
    const key = `${u} ${low} ${high}`;
    const known = this.#masks.get(key);
    if (known !== undefined) {
      if (output !== undefined) this.#e.alias(output, known);
      return known;
    }
    const scaled = this.#e.node('Mul', [u, this.#e.number(HUGE)]);
    const made = this.#e.node('Clip', [scaled, this.#e.number(low), this.#e.number(high)], {}, output);
    this.#masks.set(key, made);
    return made;
  }

  #geluParts(u: string): { square: string; sigmoid: string; value: string } {
    const known = this.#gelus.get(u);
    if (known) return known;
    const e = this.#e;
    const square = e.node('Mul', [u, u]);
    const q = e.node('Add', [e.node('Mul', [square, e.number(2 * K * C)]), e.number(2 * K)]);
    const sigmoid = e.node('Sigmoid', [e.node('Mul', [u, q])]);
    const value = e.node('Mul', [u, sigmoid]);
    const parts = { square, sigmoid, value };
    this.#gelus.set(u, parts);
    return parts;
  }
}
