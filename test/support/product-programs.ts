/** Programs of products that do not wait for each other. */
import type { Op, Program } from '../../spec/program.ts';

export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly ta?: boolean;
  readonly tb?: boolean;
}

/** tanh(a b) of each, and its double: two results of a part; then all of them are read again. */
export function sideBySide(products: readonly Product[]): Program {
  const ops: Op[] = [];
  const op = (id: string, name: string, args: string[], shape: number[], attributes: Op['attributes'] = {}): void => {
    ops.push({ id, op: name, args, shape, attributes, origin: name });
  };
  const inputs = products.flatMap(({ m, n, k, ta, tb }, i) =>
    (
      [
        ['a', ta ? [k, m] : [m, k]],
        ['b', tb ? [n, k] : [k, n]],
      ] as const
    ).map(([side, shape]) => ({
      id: `${side}${i}`,
      field: `${side}${i}`,
      type: 'f32' as const,
      shape: [...shape],
    })),
  );
  // What the parts read and write is neither input nor result: it lies where kernels pass things on to each other.
  for (const { id, shape } of inputs) op(`${id}.copy`, 'transpose', [id], [...shape].reverse(), { order: [1, 0] });
  for (const [i, { m, n, ta, tb }] of products.entries()) {
    op(`p${i}`, 'matmul', [`a${i}.copy`, `b${i}.copy`], [m, n], { ta: !ta, tb: !tb });
    op(`t${i}`, 'tanh', [`p${i}`], [m, n]);
    op(`d${i}`, 'add', [`t${i}`, `t${i}`], [m, n]);
  }
  for (const [i, { m, n }] of products.entries()) {
    op(`r${i}`, 'transpose', [`t${i}`], [n, m], { order: [1, 0] });
    op(`s${i}`, 'transpose', [`d${i}`], [n, m], { order: [1, 0] });
  }
  const results = products.flatMap((_, i) => [`r${i}`, `s${i}`]).map((value) => ({ name: value, value }));
  const block = { name: 'work', repeat: 1, firstTick: 0, scalars: [], carries: [], ops };
  return {
    name: 'launch',
    states: [],
    functions: [{ name: 'run', batch: 1, inputs, blocks: [block], updates: [], results }],
  };
}
