/** A program for GPUs: kernels that fuse its operations, as WGSL, and for each function the dispatches in order. */
import { createHash } from 'node:crypto';
import { printKernels } from '../../../spec/kernel-text.ts';
import {
  type Dispatch,
  KERNEL_LIST,
  type KernelFunction,
  type KernelModule,
  type KernelProgram,
  type KernelTensor,
  MAX_BINDINGS,
  MAX_BOUND_ELEMENTS,
  modulePath,
  multipliesHalves,
  type Region,
} from '../../../spec/kernels.ts';
import { type HalfUnit, type Precision, SCALAR_HALVES } from '../../../spec/precision.ts';
import type { Program, ProgramFunction } from '../../../spec/program.ts';
import { DEFAULT_TILES, type TileChoice } from '../../../spec/tiles.ts';
import type { Cluster } from './cluster.ts';
import { clusters } from './clusters.ts';
import type { Flat } from './flat.ts';
import { flatten } from './flatten.ts';
import { grouped } from './group.ts';
import { withHalves } from './halves.ts';
import { comment, type WrittenKernel, writeKernels } from './kernel.ts';
import { writeLaunch } from './launch.ts';
import { Parts } from './parts.ts';
import { type RegionOf, writePersistent } from './persistent.ts';
import { type PersistentLimits, persistentRuns, type Run, SMALL } from './persistent-runs.ts';
import { Arenas, type Layout, placeStates, placeValues, type SharedArenas, ValueArena } from './place.ts';
import type { Placed } from './placed.ts';
import { formsFor, type ProductForms } from './product-forms.ts';
import { ScalarBlocks } from './scalar-blocks.ts';
import { SCALARS, type Surroundings } from './writer.ts';

export interface LoweredKernels {
  readonly kernels: KernelProgram;
  /** WGSL by the name of its module. */
  readonly modules: ReadonlyMap<string, string>;
}

/** What kernels are made for. */
export interface WgslOptions {
  /** What was measured to be best on the device. */
  readonly tiles?: TileChoice | undefined;
  readonly precision?: Precision | undefined;
  /** What multiplies where the precision is `f16`. */
  readonly halves?: HalfUnit | undefined;
  /** Elements of one buffer, except of one tensor that has more. */
  readonly most?: number | undefined;
  /** Elements that one binding may have, a multiple of `REGION_ALIGNMENT`: larger tensors lie in parts. */
  readonly bound?: number | undefined;
  /** Launches that share a dispatch with their neighbours. */
  readonly small?: PersistentLimits | undefined;
}

/** @throws TooManyParts where a tensor has more parts than one kernel can bind */
export function lowerToWgsl(
  program: Program,
  {
    tiles = DEFAULT_TILES,
    precision = 'f32',
    halves = SCALAR_HALVES,
    most = MAX_BOUND_ELEMENTS,
    bound = MAX_BOUND_ELEMENTS,
    small = SMALL,
  }: WgslOptions = {},
): LoweredKernels {
  const forms = formsFor(tiles, precision === 'f16' ? halves : undefined);
  const stateArenas = new Arenas('states', most, bound);
  const states = placeStates(program, stateArenas);
  const values = new ValueArena(most, bound);
  const halfArenas = new Arenas('halves', most, bound);
  const modules = new Modules();
  const lists: SharedArenas[] = [];
  const functions = program.functions.map((f) => {
    // Runs may follow each other before their inputs and results have been fetched: each function has its own.
    const shared = {
      states: stateArenas,
      values,
      halves: halfArenas,
      inputs: new Arenas(`inputs of ${f.name}`, most, bound),
      results: new Arenas(`results of ${f.name}`, most, bound),
    };
    lists.push(shared);
    const flat = flatten(program, f);
    const stored = precision === 'f16-weights' ? withHalves(flat, program) : flat;
    return lowerFunction(f, stored, states, shared, modules, { forms, small, parts: new Parts(stored, bound) });
  });
  const arenas = [
    ...stateArenas.list(),
    ...values.list(),
    ...halfArenas.list(),
    ...lists.flatMap(({ inputs, results }) => [...inputs.list(), ...results.list()]),
  ];
  return {
    kernels: { name: program.name, arenas, modules: modules.list, states: states.flatMap((s) => s.parts), functions },
    modules: modules.texts(),
  };
}

/** Whether some function makes copies in half precision, or multiplies in it. */
export const usesHalves = ({ kernels, modules }: LoweredKernels): boolean =>
  kernels.arenas.some((a) => a.name === 'halves') || [...modules.values()].some(multipliesHalves);

/** @returns the files of a plan: `kernels/dispatches.txt` and `kernels/ID.wgsl` */
export function kernelFiles({ kernels, modules }: LoweredKernels): Map<string, Uint8Array> {
  const encoder = new TextEncoder();
  const files = new Map([[KERNEL_LIST, encoder.encode(printKernels(kernels))]]);
  for (const [id, text] of modules) files.set(modulePath(id), encoder.encode(text));
  return files;
}

interface Choices {
  readonly forms: ProductForms;
  readonly small: PersistentLimits;
  readonly parts: Parts;
}

function lowerFunction(
  f: ProgramFunction,
  flat: Flat,
  states: readonly Placed[],
  shared: SharedArenas,
  modules: Modules,
  { forms, small, parts }: Choices,
): KernelFunction {
  const launches = grouped(clusters(flat, parts));
  const layout = placeValues(f, flat, launches, states, shared);
  const blocks = new ScalarBlocks(flat, launches.flat().length, shared.inputs);
  const bound = boundArenas(launches, layout, blocks, shared);
  const around = { regions: layout.of, bound, scalars: blocks.arena };
  const regionOf: RegionOf = ({ base, part }, scalars) =>
    base === SCALARS ? blocks.region(scalars) : partOf(layout.of, base, part);
  const regionsOf = ({ tensors, scalars }: WrittenKernel): Region[] => tensors.map((t) => regionOf(t, scalars));
  const runs = persistentRuns(launches, parts, small).map(({ launches, persistent }) => {
    const together = persistent ? writePersistent(launches.flat(), flat, around, regionOf) : undefined;
    return { together, launches: together ? [] : launches };
  });
  const write = (launches: Run['launches'], places: 'overrides' | 'uniform'): WrittenKernel[] =>
    launches.flatMap((launch) => writeAll(launch, flat, { ...around, places }, forms, parts));
  const moving = runs.map((run) => write(run.launches, 'uniform'));
  const places = bound.length > 0 && fewPlaces(moving.flat(), regionsOf) ? 'overrides' : 'uniform';
  const dispatch = (kernel: WrittenKernel, places: KernelModule['places']): Dispatch => {
    const { groups, constants, steps, serves, flops } = kernel;
    const regions = regionsOf(kernel).map((r) => r.name);
    return { module: modules.add(kernel, places), groups, constants, regions, steps, serves, flops };
  };
  const dispatches = runs.flatMap(({ together, launches }, i) => {
    if (together) return together.map((k) => dispatch(k, 'table'));
    const apart = places === 'uniform' ? moving[i] : write(launches, places);
    return (apart ?? []).map((k) => dispatch(k, places));
  });
  return {
    name: f.name,
    batch: f.batch,
    bound,
    inputs: f.inputs.map(({ id, field, type, shape }) => ({ field, type, shape, region: id })),
    regions: [...layout.own, ...blocks.regions],
    scalars: blocks.list,
    dispatches,
    copies: layout.copies,
    results: flat.results.map(({ name, value }) => ({ name, region: layout.of.get(value)?.name ?? value })),
  };
}

/** All that the function's kernels touch, where every kernel can bind so many. */
function boundArenas(
  launches: readonly (readonly Cluster[])[],
  layout: Layout,
  blocks: ScalarBlocks,
  { states, values, halves, inputs, results }: SharedArenas,
): string[] {
  const bases = launches.flat().flatMap((cluster) => [...cluster.inputs, ...cluster.outputs]);
  const used = new Set([...bases.flatMap((base) => known(layout.of, base).parts.map((p) => p.arena)), blocks.arena]);
  const all = [states, values, halves, inputs, results].flatMap((arenas) => arenas.list().map((a) => a.name));
  const bound = all.filter((name) => used.has(name));
  return bound.length <= MAX_BINDINGS ? bound : [];
}

/** Pipelines more than without places in them: each takes a device milliseconds to make, before the first batch. */
const MAX_MORE = 16;

/** Ticks soon use the same places again and again: few pipelines know them all, and a launch binds nothing. */
function fewPlaces(kernels: readonly WrittenKernel[], regionsOf: (kernel: WrittenKernel) => Region[]): boolean {
  const sizes = kernels.map(({ text, constants }) => `${text}${JSON.stringify(constants)}`);
  const places = kernels.map((kernel, i) => `${sizes[i]}${regionsOf(kernel).map((r) => r.offset)}`);
  return new Set(places).size - new Set(sizes).size <= MAX_MORE;
}

/** One kernel for a launch; one for each of its products where they cannot be together, and for each window. */
function writeAll(
  launch: readonly Cluster[],
  flat: Flat,
  around: Surroundings,
  forms: ProductForms,
  parts: Parts,
): WrittenKernel[] {
  const together = launch.length > 1 ? writeLaunch(launch, flat, around, forms) : undefined;
  return together
    ? [together]
    : launch.flatMap((cluster) => writeKernels(cluster, flat, around, forms, parts.windowed(cluster)));
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

/** Modules of the same text are one. */
class Modules {
  readonly list: KernelModule[] = [];
  readonly #found = new Map<string, { readonly text: string; readonly serves: Set<string> }>();

  add({ kind, text, buffers, tensors: written, parts, serves }: WrittenKernel, places: KernelModule['places']): string {
    const tensors = written.map(({ name, access, buffer }) => ({ name, access, buffer }));
    const of = (those: readonly KernelTensor[]): string => those.map((t) => t.access).join(' ');
    const accesses = [of(tensors), ...parts.map((p) => of(p.tensors))].join('; ');
    const id = `${kind}-${createHash('sha256').update(`${accesses}\n${text}`).digest('hex').slice(0, 12)}`;
    const known = this.#found.get(id);
    if (known) known.serves.add(serves);
    else {
      this.#found.set(id, { text, serves: new Set([serves]) });
      this.list.push({ id, buffers, tensors, parts, places });
    }
    return id;
  }

  texts(): Map<string, string> {
    return new Map([...this.#found].map(([id, { text, serves }]) => [id, `${comment(serves).join('\n')}\n${text}`]));
  }
}
