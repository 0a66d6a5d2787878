/**
 * Many small kernels as one dispatch of one group: its threads carry them out one after the other, and wait for each
 * other in between. What the ticks have in common is written once, as a loop; a table says where the tensors of each
 * step begin. Every element comes about as in a launch of its own: the same terms in the same order.
 */
import { append } from '../../../spec/append.ts';
import {
  inTheWay,
  type KernelPart,
  type KernelStep,
  MAX_BINDINGS,
  MAX_STEPS,
  MAX_WRITTEN_STEPS,
  type Region,
  type Touched,
} from '../../../spec/kernels.ts';
import type { Cluster } from './cluster.ts';
import type { Flat } from './flat.ts';
import { comment, flopsOf, kernelKind, servesOf, type WrittenKernel } from './kernel.ts';
import { writeMain, writePart } from './persistent-parts.ts';
import { threadsFor } from './persistent-runs.ts';
import { inGroups, repeats, type Stretch } from './repeats.ts';
import { ModuleWriter, type Surroundings, type WrittenTensor } from './writer.ts';

/** One kernel on its way into a persistent one. */
interface Draft {
  readonly cluster: Cluster;
  /** The same for kernels of the same form, with the same sizes, over the same buffers. */
  readonly form: string;
  readonly tensors: readonly WrittenTensor[];
  readonly arenas: readonly string[];
  readonly scalars: readonly string[];
}

/** With its place in the order. */
interface Placed extends Draft {
  readonly regions: readonly Region[];
  readonly waits: boolean;
}

/** Where a tensor lies; `scalars` are the numbers of the host that its kernel reads. */
export type RegionOf = (tensor: WrittenTensor, scalars: readonly string[]) => Region;

/** @returns as few kernels as their limits allow; nothing where they would bind too many buffers */
export function writePersistent(
  clusters: readonly Cluster[],
  flat: Flat,
  around: Omit<Surroundings, 'places'>,
  regionOf: RegionOf,
): WrittenKernel[] | undefined {
  const surroundings: Surroundings = { ...around, places: 'table' };
  const threads = threadsFor(clusters);
  const drafts = clusters.map((cluster) => draftOf(cluster, flat, surroundings, threads));
  if (new Set(drafts.flatMap((d) => d.arenas)).size > MAX_BINDINGS) return undefined;
  const order = new Order();
  const placed = drafts.map((draft): Placed => {
    const regions = draft.tensors.map((t) => regionOf(t, draft.scalars));
    return { ...draft, regions, waits: order.waits(draft.tensors, regions) };
  });
  const stretches = repeats(placed.map(({ form, waits }) => `${waits} ${form}`));
  return inGroups(stretches, MAX_WRITTEN_STEPS, MAX_STEPS).map((group) => {
    const w = new ModuleWriter(flat, surroundings);
    return writeGroup(w, placed, group, threads);
  });
}

function draftOf(cluster: Cluster, flat: Flat, around: Surroundings, threads: number): Draft {
  const w = new ModuleWriter(flat, around);
  w.beginPart('');
  writePart(w, cluster, threads);
  const { text, tensors, scalars, constants } = w.written();
  const arenas = tensors.map(({ base, part }) => around.regions.get(base)?.parts[part]?.arena ?? around.scalars);
  return { cluster, form: JSON.stringify([text, constants, arenas]), tensors, arenas, scalars };
}

/** Which steps have to wait for those before them. */
class Order {
  #since: Touched[] = [];

  waits(tensors: readonly WrittenTensor[], regions: readonly Region[]): boolean {
    const now = regions.map((region, i): Touched => ({ region, writes: tensors[i]?.access !== 'read' }));
    const found = now.some((t) => this.#since.some((before) => inTheWay(before, t)));
    if (found) this.#since = [];
    this.#since.push(...now);
    return found;
  }
}

function writeGroup(
  w: ModuleWriter,
  all: readonly Placed[],
  group: readonly Stretch[],
  threads: number,
): WrittenKernel {
  const begin = group[0]?.first ?? 0;
  const count = group.reduce((sum, { period, times }) => sum + period * times, 0);
  const here = all.slice(begin, begin + count);
  const parts = writeParts(w, here, threads);
  const steps = here.map(({ cluster, form, regions, waits }): KernelStep => {
    const [serves, flops] = [servesOf(cluster), flopsOf(cluster)];
    return { part: parts.get(form)?.name ?? '', waits, regions: regions.map((r) => r.name), serves, flops };
  });
  w.beginPart('');
  const stretches = group.map((s) => ({ ...s, first: s.first - begin }));
  writeMain(w, [...parts.values()], steps, stretches, threads);
  return {
    ...w.written(),
    kind: 'persistent',
    groups: [1, 1, 1],
    parts: [...parts.values()],
    steps,
    serves: `${count} steps of one group`,
    flops: steps.reduce((sum, step) => sum + step.flops, 0),
  };
}

/** By form, in the order in which they are met. */
function writeParts(w: ModuleWriter, drafts: readonly Draft[], threads: number): Map<string, KernelPart> {
  const forms = new Map<string, Draft[]>();
  for (const draft of drafts) append(forms, draft.form, draft);
  const parts = new Map<string, KernelPart>();
  for (const [form, alike] of forms) {
    const [first] = alike;
    if (!first) continue;
    const name = `${kernelKind(first.cluster)}${parts.size}`;
    w.beginPart(name);
    for (const line of comment(alike.map((d) => servesOf(d.cluster)))) w.line(line);
    writePart(w, first.cluster, threads);
    parts.set(form, { name, tensors: w.tensors.map(({ name, access, buffer }) => ({ name, access, buffer })) });
  }
  return parts;
}
