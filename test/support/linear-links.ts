/** Dense links from a node `a` into nodes that are clamped: their mean gradients by hand (semantics.md, equations 4b and 6). */
import type { FieldData } from '../../runtime/device/device.ts';

/** By the names of the weights, matrices row by row. */
export type Numbers = Map<string, number[]>;

/**
 * @param fields samples of `a` and of each of the ends, one after the other
 * @param ends targets with their widths
 */
export function gradientsByHand(
  fields: Readonly<Record<string, FieldData>>,
  theta: ReadonlyMap<string, readonly number[]>,
  ends: readonly (readonly [string, number])[],
  [batch, width]: readonly [number, number],
): { readonly gradients: Numbers; readonly errors: ReadonlyMap<string, readonly (readonly number[])[]> } {
  const gradients: Numbers = new Map();
  const errors = new Map<string, number[][]>();
  const rows = (field: string, size: number): number[][] =>
    Array.from({ length: batch }, (_, s) => [...(fields[field] as FieldData)].slice(s * size, (s + 1) * size));
  const sources = rows('a', width);
  for (const [node, size] of ends) {
    const w = theta.get(`a->${node}.w`) as readonly number[];
    const c = theta.get(`a->${node}.c`) as readonly number[];
    const targets = rows(node, size);
    const found = targets.map((values, s) =>
      values.map((value, i) =>
        (sources[s] as number[]).reduce(
          (left, x, j) => left - x * (w[width * i + j] as number),
          value - (c[i] as number),
        ),
      ),
    );
    const descent = (of: (s: number) => number): number => targets.reduce((sum, _, s) => sum - of(s) / batch, 0);
    const error = (s: number, i: number): number => found[s]?.[i] as number;
    errors.set(node, found);
    gradients.set(
      `a->${node}.w`,
      w.map((_, k) => descent((s) => error(s, Math.floor(k / width)) * (sources[s]?.[k % width] as number))),
    );
    gradients.set(
      `a->${node}.c`,
      c.map((_, i) => descent((s) => error(s, i))),
    );
  }
  return { gradients, errors };
}

/** Adam's moments of every weight, from 0. */
export class AdamByHand {
  readonly #moments = new Map<string, { m: number; v: number }[]>();
  #step = 0;

  begin(): void {
    this.#step++;
  }

  /** What Adam moves each element by, at rate 1. @param epsilon beside the root */
  direction(name: string, gradient: readonly number[], epsilon: number): number[] {
    const known = this.#moments.get(name) ?? gradient.map(() => ({ m: 0, v: 0 }));
    this.#moments.set(name, known);
    return gradient.map((g, i) => {
      const moment = known[i] as { m: number; v: number };
      moment.m = 0.9 * moment.m + 0.1 * g;
      moment.v = 0.999 * moment.v + 0.001 * g * g;
      const [m, v] = [moment.m / (1 - 0.9 ** this.#step), moment.v / (1 - 0.999 ** this.#step)];
      return m / (Math.sqrt(v) + epsilon);
    });
  }
}
