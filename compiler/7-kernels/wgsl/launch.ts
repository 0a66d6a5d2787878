/** Several products as one module: each group of threads finds the part that it belongs to. */
import { MOST_BINDINGS, MOST_SCALARS, type Region } from '../../../spec/kernels.ts';
import { TILES, type TileChoice } from '../../../spec/tiles.ts';
import type { Cluster } from './cluster.ts';
import type { Flat } from './flat.ts';
import { flopsOf, linearGroups, servesOf, type WrittenKernel, writeFinish } from './kernel.ts';
import { matricesOf, partRows, productGroups, threadsOf, tileFor, writeProduct } from './product.ts';
import { ModuleWriter } from './writer.ts';

/** @returns nothing where the parts would bind too many buffers: then each is a launch of its own */
export function writeLaunch(
  parts: readonly Cluster[],
  flat: Flat,
  regions: ReadonlyMap<string, Region>,
  tiles: TileChoice,
): WrittenKernel | undefined {
  const apart = writeParts(parts, flat, regions, tiles, () => false);
  if (fits(apart)) return apart;
  // Everything that one kernel passes to another lies in one buffer: bound once, whole.
  const inValues = (base: string): boolean => regions.get(base)?.arena === 'values';
  const together = writeParts(parts, flat, regions, tiles, inValues);
  return fits(together) ? together : undefined;
}

function fits({ bindings, scalars }: WrittenKernel): boolean {
  const shared = bindings.filter((b) => b.shared).length;
  return (
    bindings.length - shared + Math.min(1, shared) <= MOST_BINDINGS &&
    shared <= MOST_SCALARS &&
    scalars.length <= MOST_SCALARS
  );
}

function writeParts(
  parts: readonly Cluster[],
  flat: Flat,
  regions: ReadonlyMap<string, Region>,
  tiles: TileChoice,
  shares: (base: string) => boolean,
): WrittenKernel {
  const w = new ModuleWriter(flat, shares);
  const common = TILES[tiles.large];
  const branches: string[] = [];
  let total = 0;
  parts.forEach((part, i) => {
    const { anchor } = part;
    if (!anchor) throw new Error('a launch has products alone');
    w.part = `_${String.fromCharCode(97 + i)}`;
    const matrices = matricesOf(anchor);
    const tile = tileFor(matrices, tiles) && common;
    const [across, down, pages] = productGroups(matrices, tile, partRows(common));
    writeProduct(w, anchor, tile, 'part');
    writeFinish(w, part, regions);
    const first = total;
    total += across * down * pages;
    const names = { end: w.count('end', total), across: w.count('across', across), down: w.count('down', down) };
    const from = first === 0 ? 'at' : `(at - end_${String.fromCharCode(96 + i)})`;
    const place = `vec3u(${from} % ${names.across}, ${from} / ${names.across} % ${names.down}, ${from} / (${names.across} * ${names.down}))`;
    branches.push(`if (at < ${names.end}) { part${w.part}(${place}, thread); }`);
  });
  w.part = '';
  w.line(`@compute @workgroup_size(${threadsOf(common)})`);
  const head =
    'fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32)';
  w.block(head, () => {
    w.line('let at = group.y * groups.x + group.x;');
    w.line(branches.join('\n  else '));
  });
  const written = new Set(w.bindings.filter((b) => b.access !== 'read').map((b) => regions.get(b.base)?.arena));
  return {
    kind: 'products',
    text: w.text((base) => written.has(regions.get(base)?.arena)),
    bindings: w.bindings,
    scalars: w.scalars,
    constants: w.constants(),
    groups: linearGroups(total),
    serves: parts.map(servesOf).join('; '),
    flops: parts.reduce((sum, part) => sum + flopsOf(part), 0),
  };
}
