/** Pages of tensors, picked and added up. Which page goes where is a table within the module. */
import { sizeOf } from '../../../spec/program.ts';
import type { FlatOp } from './flat.ts';
import { times, within } from './linear-places.ts';
import type { Place, Reduction, WgslLowering } from './lowering.ts';

const indexOf = (op: FlatOp): readonly number[] => op.attributes.index as readonly number[];
const pageSize = (op: FlatOp): number => sizeOf(op.shape.slice(1));

function pages({ w, op, at, load }: Place): string {
  const index = indexOf(op);
  const first = index[0] ?? 0;
  const size = pageSize(op);
  // Neighbouring pages lie together.
  if (index.every((page, i) => page === first + i)) return load(0, w.let('p', `${at} + ${w.size(first * size)}`));
  const page = w.let('page', `${w.table(index)}[${within(w, at, size)}]`);
  return load(0, w.let('p', `${times(w, page, size)} + ${at} % ${w.size(size)}`));
}

/** No page of the argument. */
const NONE = 0xffffffff;

function pagesSum(op: FlatOp): Reduction {
  const size = pageSize(op);
  const lists: number[][] = Array.from({ length: op.shape[0] ?? 1 }, () => []);
  indexOf(op).forEach((page, i) => {
    lists[page]?.push(i);
  });
  const most = Math.max(...lists.map((list) => list.length));
  const table = lists.flatMap((list) => Array.from({ length: most }, (_, i) => list[i] ?? NONE));
  return {
    combine: 'sum',
    count: most,
    byColumns: true,
    term: ({ w, at, load }, r) => {
      const target = w.let('page', within(w, at, size));
      const source = w.let('from', `${w.table(table)}[${times(w, target, most)} + ${r}]`);
      const value = w.name('value');
      w.line(`var ${value} = 0.0;`);
      w.block(`if (${source} != ${NONE}u)`, () => {
        w.line(`${value} = ${load(0, w.let('p', `${times(w, source, size)} + ${at} % ${w.size(size)}`))};`);
      });
      return value;
    },
  };
}

export const pageLowerings = {
  pages: { kind: 'gather', claims: false, write: pages },
  pages_sum: { kind: 'reduction', claims: false, plan: pagesSum },
} satisfies Record<string, WgslLowering>;
