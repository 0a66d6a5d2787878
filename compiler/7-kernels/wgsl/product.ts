/** The product of matrices, in the form that suits its size. Sums run over k from first to last, matrix units aside. */
import { NARROW } from '../../../spec/precision.ts';
import { sizeOf } from '../../../spec/program.ts';
import type { FlatOp } from './flat.ts';
import { columnsOf, type ProductForm, type ProductForms, rowsOf, threadsOf } from './product-forms.ts';
import { writeMatrices } from './product-matrices.ts';
import { type Entry, type Matrices, partHead, type Sides, sidesOf } from './product-sides.ts';
import { writeTiled } from './product-tiles.ts';
import type { ModuleWriter } from './writer.ts';

/** Threads across and down where there are no tiles. */
const PLAIN = [16, 4] as const;

/** Rows of the result that a part without tiles works out at once. */
export const partRows = (form: ProductForm): number => threadsOf(form) / PLAIN[0];

/** Nothing for narrow results: there each thread works out one element, straight from memory. */
export function formFor({ m, n }: Matrices, forms: ProductForms): ProductForm | undefined {
  if (m >= 64 && n >= 64 && m * n >= 128 * 128) return forms.large;
  return Math.min(m, n) > NARROW ? forms.middle : undefined;
}

/** Groups across, down, and one for each page. @param plain rows of a group without tiles */
export function productGroups(
  { m, n, batch }: Matrices,
  form: ProductForm | undefined,
  plain: number = PLAIN[1],
): [number, number, number] {
  const [across, down] = form ? [columnsOf(form), rowsOf(form)] : [PLAIN[0], plain];
  return [Math.ceil(n / across), Math.ceil(m / down), sizeOf(batch)];
}

/**
 * Writes `main`; `finish(at, sum)` is called for every element of the result.
 * @param plain makes it one of several parts: the rows of a group of it without tiles
 */
export function writeProduct(w: ModuleWriter, op: FlatOp, form: ProductForm | undefined, plain?: number): void {
  const { sides, begin } = sidesOf(w, op);
  const entry: Entry = plain === undefined ? 'main' : 'part';
  if (!form) writePlain(w, sides, begin, plain);
  else if (form.kind === 'tiles') writeTiled(w, op, form, sides, begin, entry);
  else writeMatrices(w, op, form, sides, begin, entry);
}

function writePlain(w: ModuleWriter, sides: Sides, begin: (page: string) => void, rows?: number): void {
  if (rows === undefined) w.line(`@compute @workgroup_size(${PLAIN[0]}, ${PLAIN[1]})`);
  const head = 'fn main(@builtin(workgroup_id) group: vec3u, @builtin(global_invocation_id) place: vec3u)';
  w.block(rows === undefined ? head : partHead(w), () => {
    if (rows !== undefined)
      w.line(
        `let place = vec2u(group.x * ${PLAIN[0]}u + thread % ${PLAIN[0]}u, group.y * ${rows}u + thread / ${PLAIN[0]}u);`,
      );
    begin('group.z');
    w.line('let column = place.x;');
    w.line('let row = place.y;');
    w.line(`if (row >= ${sides.rows} || column >= ${sides.columns}) { return; }`);
    writeSum(w, sides);
    w.line(`finish${w.part}(${sides.at('row', 'column')}, sum);`);
  });
}

/** `sum` of the terms of the result's element in `row` and `column`. */
export function writeSum(w: ModuleWriter, sides: Sides): void {
  w.line('var sum = 0.0;');
  w.block(`for (var k = 0u; k < ${sides.depth}; k++)`, () => {
    w.line(`sum += ${sides.left('row', 'k')} * ${sides.right('k', 'column')};`);
  });
}
