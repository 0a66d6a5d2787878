/** From what one kernel carries out to its module. */
import { type KernelPart, type KernelStep, MAX_GROUPS } from '../../../spec/kernels.ts';
import { isOperator, operators } from '../../operators/table.ts';
import type { Cluster } from './cluster.ts';
import { opsOf } from './clusters.ts';
import type { Flat, FlatOp, Use } from './flat.ts';
import { writePack } from './halves.ts';
import { repeatedPlace } from './linear-places.ts';
import type { Place } from './lowering.ts';
import { loweringOf } from './operators.ts';
import { formFor, productGroups, writeProduct } from './product.ts';
import type { ProductForms } from './product-forms.ts';
import { matricesOf } from './product-sides.ts';
import { lanesFor, reduceGroups, writeReduction } from './reduce.ts';
import { baseOf, ModuleWriter, type Surroundings, type Window, type WrittenModule } from './writer.ts';

export interface WrittenKernel extends WrittenModule {
  readonly kind: string;
  readonly groups: readonly [number, number, number];
  /** Of a persistent kernel; none of any other. */
  readonly parts: readonly KernelPart[];
  readonly steps: readonly KernelStep[];
  readonly serves: string;
  readonly flops: number;
}

const THREADS = 64;

/** A kernel; one for each part of its result where that lies in parts. @param windowed see `Parts` */
export function writeKernels(
  cluster: Cluster,
  flat: Flat,
  around: Surroundings,
  forms: ProductForms,
  windowed: ReadonlySet<string>,
): WrittenKernel[] {
  const [output] = cluster.outputs;
  if (windowed.size === 0 || output === undefined) return [writeKernel(cluster, flat, around, forms)];
  const bases = new Set([...windowed].map((id) => baseOf(around, id)));
  let begin = 0;
  return (around.regions.get(output)?.parts ?? []).map(({ elements }, part) => {
    const window = { bases, part, begin, elements };
    begin += elements;
    return writeKernel(cluster, flat, around, forms, window);
  });
}

function writeKernel(
  cluster: Cluster,
  flat: Flat,
  around: Surroundings,
  forms: ProductForms,
  window?: Window,
): WrittenKernel {
  const w = new ModuleWriter(flat, around, window);
  const { anchor } = cluster;
  const lowering = anchor && loweringOf(anchor.op);
  let groups = linearGroups(Math.ceil((window?.elements ?? cluster.elements) / THREADS));
  if (anchor && lowering?.kind === 'product') {
    const form = formFor(matricesOf(anchor), forms);
    groups = productGroups(matricesOf(anchor), form);
    writeProduct(w, anchor, form);
  } else if (anchor && lowering?.kind === 'reduction') {
    const reduction = lowering.plan(anchor);
    const lanes = lanesFor(cluster.elements, reduction.count);
    groups = linearGroups(reduceGroups(cluster.elements, lanes));
    writeReduction(w, reduction, cluster.elements, lanes, (at) => placeOf(w, cluster, anchor, at));
  } else writeLinear(w, cluster);
  if (lowering?.kind !== 'pack') writeFinish(w, cluster);
  return {
    kind: kernelKind(cluster),
    ...w.written(),
    groups,
    parts: [],
    steps: [],
    serves: servesOf(cluster),
    flops: Math.round((flopsOf(cluster) * (window?.elements ?? cluster.elements)) / cluster.elements),
  };
}

/** Name of a kernel, or of a step of a persistent one. */
export function kernelKind({ anchor }: Cluster): string {
  const kind = anchor ? loweringOf(anchor.op).kind : 'map';
  return kind === 'reduction' ? 'reduce' : kind;
}

/** More groups than fit in a row go on in the next one. */
export function linearGroups(count: number): [number, number, number] {
  if (count <= MAX_GROUPS) return [count, 1, 1];
  const rows = Math.ceil(count / MAX_GROUPS);
  return [Math.ceil(count / rows), rows, 1];
}

/** One thread for each element: `finish(at, element)`. */
function writeLinear(w: ModuleWriter, cluster: Cluster): void {
  w.line(`@compute @workgroup_size(${THREADS})`);
  const head =
    'fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32)';
  w.block(head, () => {
    const first = `(group.y * groups.x + group.x) * ${THREADS}u + thread`;
    const { window } = w;
    if (window) {
      w.line(`let inside = ${first};`);
      w.line(`if (inside >= ${w.count('window_elements', window.elements)}) { return; }`);
      w.line(`let at = ${w.count('window', window.begin)} + inside;`);
    } else {
      w.line(`let at = ${first};`);
      w.line(`if (at >= ${w.size(cluster.elements)}) { return; }`);
    }
    writeElement(w, cluster);
  });
}

/** Writes the final value of the element `at`. */
export function writeElement(w: ModuleWriter, cluster: Cluster): void {
  const { anchor } = cluster;
  const lowering = anchor && loweringOf(anchor.op);
  const finish = `finish${w.part}(${w.givesPlaces}at`;
  if (anchor && lowering?.kind === 'pack') writePack(w, anchor);
  else if (anchor && lowering?.kind === 'gather')
    w.line(`${finish}, ${lowering.write(placeOf(w, cluster, anchor, 'at'))});`);
  else w.line(`${finish});`);
}

/** How the anchor reads its arguments: from memory, or worked out from what the kernel claimed. */
export function placeOf(w: ModuleWriter, cluster: Cluster, anchor: FlatOp, at: string): Place {
  const load = (argument: number, place: string): string => {
    const use = anchor.uses[argument];
    if (!use) throw new Error(`${anchor.op} has no argument ${argument}`);
    return claimedValue(w, cluster, use, place);
  };
  return { w, op: anchor, at, load };
}

function claimedValue(w: ModuleWriter, cluster: Cluster, use: Use, place: string): string {
  const op = cluster.claimed.get(use.base);
  if (!op) return w.load(use, place);
  return w.known(`${op.id} at ${place}`, () => {
    const args = op.uses.map((u) => claimedValue(w, cluster, u, repeatedPlace(w, place, u.shape, op.shape)));
    return w.let('v', elementwise(w, op, args));
  });
}

function elementwise(w: ModuleWriter, op: FlatOp, args: readonly string[]): string {
  const lowering = loweringOf(op.op);
  if (lowering.kind !== 'elementwise') throw new Error(`${op.op} does not work element by element`);
  return lowering.write(args, op, w);
}

/** Writes each element of the result to its place: everything is read before anything is written. */
export function writeFinish(w: ModuleWriter, cluster: Cluster): void {
  const { anchor, members, outputs } = cluster;
  w.block(`fn finish${w.part}(${w.takesPlaces}${anchor ? 'at: u32, value: f32' : 'at: u32'})`, () => {
    const names = new Map<string, string>(anchor ? [[anchor.id, 'value']] : []);
    for (const op of members) {
      const args = op.uses.map((u) => names.get(u.base) ?? w.load(u, repeatedPlace(w, 'at', u.shape, op.shape)));
      names.set(op.id, w.let('v', elementwise(w, op, args)));
    }
    outputs.forEach((id, i) => {
      // A new value in the place of its state takes the state's binding.
      const base = w.baseOf(id);
      const known = w.tensors.some((t) => t.base === base);
      const bound = w.bind(base, `out${i}`, known ? 'update' : 'write');
      w.store(bound, 'at', names.get(id) ?? '');
    });
  });
}

export function servesOf(cluster: Cluster): string {
  const origins = new Set(opsOf(cluster).flatMap((op) => (op.origin === undefined ? [] : [op.origin])));
  return [...origins].join(', ');
}

/** Lines that say what a kernel works for. Names in it come from the model: they stay within one comment. */
export function comment(serves: Iterable<string>): string[] {
  const all = [...new Set(serves)];
  const shown = all.slice(0, 8).map((text) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200));
  const more = all.length > shown.length ? [`and ${all.length - shown.length} more`] : [];
  return [...shown, ...more].map((text) => `// ${text === '' ? 'serves nothing with a name' : text}`);
}

export function flopsOf(cluster: Cluster): number {
  return opsOf(cluster).reduce((sum, op) => {
    if (!isOperator(op.op)) return sum;
    const shapes = op.uses.map((u) => u.shape);
    return sum + operators[op.op].flops(shapes, op.shape, op.attributes);
  }, 0);
}
