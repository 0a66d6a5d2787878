/** Several products as one module: each group of threads finds the part that it belongs to. */
import { MAX_BINDINGS, MAX_SCALARS } from '../../../spec/kernels.ts';
import type { Cluster } from './cluster.ts';
import type { Flat } from './flat.ts';
import { flopsOf, linearGroups, servesOf, type WrittenKernel, writeFinish } from './kernel.ts';
import { formFor, partRows, productGroups, writeProduct } from './product.ts';
import { groupOf, type ProductForms, SUBGROUP } from './product-forms.ts';
import { matricesOf } from './product-sides.ts';
import { ModuleWriter, type Surroundings } from './writer.ts';

/** @returns nothing where the parts would bind too many buffers: then each is a launch of its own */
export function writeLaunch(
  parts: readonly Cluster[],
  flat: Flat,
  around: Surroundings,
  forms: ProductForms,
): WrittenKernel | undefined {
  const w = new ModuleWriter(flat, around);
  const common = forms.large;
  const shaped = parts.map((part) => {
    const { anchor } = part;
    if (!anchor) throw new Error('a launch can have only products');
    const matrices = matricesOf(anchor);
    return { part, anchor, matrices, form: formFor(matrices, forms) && common };
  });
  const inSubgroups = shaped.some(({ form }) => form?.kind === 'matrices');
  const branches: string[] = [];
  let total = 0;
  shaped.forEach(({ part, anchor, matrices, form }, i) => {
    w.part = `_${String.fromCharCode(97 + i)}`;
    const [across, down, pages] = productGroups(matrices, form, partRows(common));
    writeProduct(w, anchor, form, partRows(common));
    writeFinish(w, part);
    const first = total;
    total += across * down * pages;
    const names = { end: w.count('end', total), across: w.count('across', across), down: w.count('down', down) };
    const from = first === 0 ? 'at' : `(at - end_${String.fromCharCode(96 + i)})`;
    const place = `vec3u(${from} % ${names.across}, ${from} / ${names.across} % ${names.down}, ${from} / (${names.across} * ${names.down}))`;
    const subgroup = form?.kind === 'matrices' ? ', subgroup' : '';
    branches.push(`if (at < ${names.end}) { part${w.part}(${place}, thread${subgroup}); }`);
  });
  w.part = '';
  w.line(groupOf(common, inSubgroups));
  const builtins =
    '@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32';
  const head = `fn main(${builtins}${inSubgroups ? `, ${SUBGROUP}` : ''})`;
  w.block(head, () => {
    w.line('let at = group.y * groups.x + group.x;');
    w.line(branches.join('\n  else '));
  });
  if (w.buffers.length > MAX_BINDINGS || w.scalars.length > MAX_SCALARS) return undefined;
  return {
    kind: 'products',
    ...w.written(),
    groups: linearGroups(total),
    parts: [],
    steps: [],
    serves: parts.map(servesOf).join('; '),
    flops: parts.reduce((sum, part) => sum + flopsOf(part), 0),
  };
}
