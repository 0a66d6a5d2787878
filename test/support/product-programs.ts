/** Programs of products that do not wait for each other. */
import type { OpOrigin } from '../../spec/names.ts';
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
    ops.push({ id, op: name, args, shape, attributes, origin: name as OpOrigin });
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
    functions: [{ name: 'run', role: 'other', batch: 1, inputs, blocks: [block], updates: [], results }],
  };
}

export interface PagedProduct extends Product {
  /** Axes in front of both sides. */
  readonly pages?: number;
}

/** `p0`, `p1`, … of the inputs `a0` and `b0`, `a1` and `b1`, … */
export function products(cases: readonly PagedProduct[]): Program {
  const inputs = cases.flatMap(({ m, n, k, ta, tb, pages }, i) =>
    [['a', ta ? [k, m] : [m, k]] as const, ['b', tb ? [n, k] : [k, n]] as const].map(([side, shape]) => {
      const id = `${side}${i}`;
      return { id, field: id, type: 'f32' as const, shape: [...(pages === undefined ? [] : [pages]), ...shape] };
    }),
  );
  const ops = cases.map(({ m, n, ta = false, tb = false, pages }, i): Op => {
    const shape = [...(pages === undefined ? [] : [pages]), m, n];
    return {
      id: `p${i}`,
      op: 'matmul',
      args: [`a${i}`, `b${i}`],
      shape,
      attributes: { ta, tb },
      origin: 'product' as OpOrigin,
    };
  });
  const results = ops.map(({ id }) => ({ name: id, value: id }));
  const block = { name: 'work', repeat: 1, firstTick: 0, scalars: [], carries: [], ops };
  return {
    name: 'products',
    states: [],
    functions: [{ name: 'run', role: 'other', batch: 1, inputs, blocks: [block], updates: [], results }],
  };
}
