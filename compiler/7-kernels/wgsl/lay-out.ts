/** The step that gives every value of a function its place, and what a kernel finds there. */
import { MAX_BINDINGS, type Region } from '../../../spec/kernels.ts';
import type { Grouped, Laid } from './forms.ts';
import type { WrittenKernel } from './kernel.ts';
import type { RegionOf } from './persistent.ts';
import { type Layout, placeValues } from './place.ts';
import type { Placed } from './placed.ts';
import { ScalarBlocks } from './scalar-blocks.ts';
import { SCALARS } from './writer.ts';

export function layOut(form: Grouped): Laid {
  const { f, flat, launches, states, arenas } = form;
  const layout = placeValues(f, flat, launches, states, arenas);
  const blocks = new ScalarBlocks(flat, launches.flat().length, arenas.inputs);
  const bound = boundArenas(form, layout, blocks);
  return { ...form, layout, blocks, around: { regions: layout.of, bound, scalars: blocks.arena } };
}

export const regionOf =
  ({ layout, blocks }: Laid): RegionOf =>
  ({ base, part }, scalars) =>
    base === SCALARS ? blocks.region(scalars) : partOf(layout.of, base, part);

/** Of all tensors of a kernel. */
export function regionsOf(laid: Laid, { tensors, scalars }: WrittenKernel): Region[] {
  const region = regionOf(laid);
  return tensors.map((t) => region(t, scalars));
}

/** All that the function's kernels touch, where every kernel can bind so many. */
function boundArenas({ launches, arenas }: Grouped, layout: Layout, blocks: ScalarBlocks): string[] {
  const { states, values, halves, inputs, results } = arenas;
  const bases = launches.flat().flatMap((cluster) => [...cluster.inputs, ...cluster.outputs]);
  const used = new Set([...bases.flatMap((base) => known(layout.of, base).parts.map((p) => p.arena)), blocks.arena]);
  const all = [states, values, halves, inputs, results].flatMap((each) => each.list().map((a) => a.name));
  const bound = all.filter((name) => used.has(name));
  return bound.length <= MAX_BINDINGS ? bound : [];
}

function known(placed: ReadonlyMap<string, Placed>, name: string): Placed {
  const found = placed.get(name);
  if (!found) throw new Error(`${name} has no place`);
  return found;
}

function partOf(placed: ReadonlyMap<string, Placed>, name: string, part: number): Region {
  const region = known(placed, name).parts[part];
  if (!region) throw new Error(`${name} has no part ${part}`);
  return region;
}
