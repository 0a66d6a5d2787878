/**
 * Operators on pages: the slices of a tensor along its first axis. They wire the elements of an array, whose values
 * are the pages of one tensor: which page reads which, and which pages add up in which.
 */
import { type Operator, type ReferenceTensor, ShapeError, showShape, type Value } from './operator.ts';

function indexOf(index: unknown, pages: number): readonly number[] {
  if (!Array.isArray(index) || index.length === 0) throw new ShapeError('`index` names no page');
  const found = index.find((i) => !Number.isInteger(i) || i < 0 || i >= pages);
  if (found !== undefined) throw new ShapeError(`there is no page ${found} among ${pages}`);
  return index as number[];
}

function restOf(shape: readonly number[]): readonly number[] {
  if (shape.length === 0) throw new ShapeError(`${showShape(shape)} has no pages`);
  return shape.slice(1);
}

const pageSize = (x: ReferenceTensor): number => x.data.length / (x.shape[0] as number);

export const pageOperators = {
  /** Page i of the result is page `index[i]` of the argument. */
  pages: {
    arity: 1,
    attributes: { index: 'which page of the argument each page of the result is' },
    elementwise: false,
    internal: true,
    linear: [0],
    shape: ([x], { index }) => [indexOf(index, x?.[0] ?? 0).length, ...restOf(x ?? [])],
    reference: (args, { index }, shape) => {
      const [x] = args as [ReferenceTensor];
      const size = pageSize(x);
      const result = new Float64Array(size * (shape[0] as number));
      (index as number[]).forEach((from, i) => {
        result.set(x.data.subarray(from * size, (from + 1) * size), i * size);
      });
      return result;
    },
    derivative: (args, _y, g, e, { index }) => [
      e.op('pages_sum', [g], { index: index as number[], pages: (args[0] as Value).shape[0] as number }),
    ],
    flops: () => 0,
  },
  /** Page p of the result is the sum of the argument's pages i with `index[i]` = p; zero where there are none. */
  pages_sum: {
    arity: 1,
    attributes: { index: 'to which page of the result each page of the argument goes', pages: 'of the result' },
    elementwise: false,
    internal: true,
    linear: [0],
    shape: ([x], { index, pages }) => {
      if (typeof pages !== 'number' || !Number.isInteger(pages) || pages < 1)
        throw new ShapeError(`\`pages\` is a whole number from 1, not ${String(pages)}`);
      if (indexOf(index, pages).length !== x?.[0])
        throw new ShapeError(`\`index\` does not say where each page of ${showShape(x ?? [])} goes`);
      return [pages, ...restOf(x)];
    },
    reference: (args, { index, pages }) => {
      const [x] = args as [ReferenceTensor];
      const size = pageSize(x);
      const result = new Float64Array(size * (pages as number));
      (index as number[]).forEach((to, i) => {
        for (let j = 0; j < size; j++)
          result[to * size + j] = (result[to * size + j] as number) + (x.data[i * size + j] as number);
      });
      return result;
    },
    derivative: (_args, _y, g, e, { index }) => [e.op('pages', [g], { index: index as number[] })],
    flops: ([x]) => (x ?? []).reduce((product, n) => product * n, 1),
  },
} satisfies Record<string, Operator>;
