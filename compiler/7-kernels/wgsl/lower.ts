/** A program for GPUs: kernels that fuse its operations, as WGSL, and for each function the dispatches in order. */
import { createHash } from 'node:crypto';
import { printKernels } from '../../../spec/kernel-text.ts';
import {
  type Dispatch,
  KERNEL_LIST,
  type KernelFunction,
  type KernelModule,
  type KernelProgram,
  modulePath,
  type Region,
} from '../../../spec/kernels.ts';
import type { Program, ProgramFunction } from '../../../spec/program.ts';
import { DEFAULT_TILES, type TileChoice } from '../../../spec/tiles.ts';
import { type Cluster, clusters } from './cluster.ts';
import type { Flat } from './flat.ts';
import { flatten } from './flatten.ts';
import { grouped } from './group.ts';
import { type WrittenKernel, writeKernel } from './kernel.ts';
import { writeLaunch } from './launch.ts';
import { Arenas, placeStates, placeValues, type SharedArenas, ValueArena } from './place.ts';

export interface LoweredKernels {
  readonly kernels: KernelProgram;
  /** WGSL by the name of its module. */
  readonly modules: ReadonlyMap<string, string>;
}

/** @param tiles what was measured to be best on the device that it is for */
export function lowerToWgsl(program: Program, tiles: TileChoice = DEFAULT_TILES): LoweredKernels {
  const stateArenas = new Arenas('states');
  const states = placeStates(program, stateArenas);
  const values = new ValueArena();
  const modules = new Modules();
  const lists: SharedArenas[] = [];
  const functions = program.functions.map((f) => {
    // Runs may follow each other before their inputs and results have been fetched: each function has its own.
    const shared = { values, inputs: new Arenas(`inputs of ${f.name}`), results: new Arenas(`results of ${f.name}`) };
    lists.push(shared);
    return lowerFunction(program, f, states, shared, modules, tiles);
  });
  const arenas = [
    ...stateArenas.list(),
    ...values.list(),
    ...lists.flatMap(({ inputs, results }) => [...inputs.list(), ...results.list()]),
  ];
  return {
    kernels: { name: program.name, arenas, modules: modules.list, states, functions },
    modules: modules.texts(),
  };
}

/** @returns the files of a plan: `kernels/dispatches.txt` and `kernels/ID.wgsl` */
export function kernelFiles({ kernels, modules }: LoweredKernels): Map<string, Uint8Array> {
  const encoder = new TextEncoder();
  const files = new Map([[KERNEL_LIST, encoder.encode(printKernels(kernels))]]);
  for (const [id, text] of modules) files.set(modulePath(id), encoder.encode(text));
  return files;
}

function lowerFunction(
  program: Program,
  f: ProgramFunction,
  states: readonly Region[],
  shared: SharedArenas,
  modules: Modules,
  tiles: TileChoice,
): KernelFunction {
  const flat = flatten(program, f);
  const launches = grouped(clusters(flat), flat);
  const layout = placeValues(f, flat, launches, states, shared);
  const blocks = new Map<string, number>();
  const dispatches = launches
    .flatMap((launch) => writeAll(launch, flat, layout.of, tiles))
    .map((kernel): Dispatch => {
      const { groups, constants, serves, flops } = kernel;
      const regions = kernel.bindings.map((b) => layout.of.get(b.base)?.name ?? b.base);
      const rest = { module: modules.add(kernel), groups, constants, regions, serves, flops };
      if (kernel.scalars.length === 0) return rest;
      const key = JSON.stringify(kernel.scalars.map((id) => flat.scalars.get(id)));
      const index = blocks.get(key) ?? blocks.size;
      blocks.set(key, index);
      return { ...rest, scalars: index };
    });
  return {
    name: f.name,
    batch: f.batch,
    inputs: f.inputs.map(({ id, field, type, shape }) => ({ field, type, shape, region: id })),
    regions: layout.own,
    scalars: [...blocks.keys()].map((key) => JSON.parse(key) as KernelFunction['scalars'][number]),
    dispatches,
    copies: layout.copies,
    results: flat.results.map(({ name, value }) => ({ name, region: layout.of.get(value)?.name ?? value })),
  };
}

/** One kernel for a launch; one for each of its parts where they cannot be together. */
function writeAll(
  launch: readonly Cluster[],
  flat: Flat,
  regions: ReadonlyMap<string, Region>,
  tiles: TileChoice,
): WrittenKernel[] {
  const together = launch.length > 1 ? writeLaunch(launch, flat, regions, tiles) : undefined;
  return together ? [together] : launch.map((cluster) => writeKernel(cluster, flat, regions, tiles));
}

/** Modules of the same text are one. */
class Modules {
  readonly list: KernelModule[] = [];
  private readonly found = new Map<string, { readonly text: string; readonly serves: Set<string> }>();

  add({ kind, text, bindings, scalars, serves }: WrittenKernel): string {
    const accesses = bindings.map((b) => (b.shared ? `${b.access} shared` : b.access)).join(' ');
    const id = `${kind}-${createHash('sha256').update(`${accesses}\n${text}`).digest('hex').slice(0, 12)}`;
    const known = this.found.get(id);
    if (known) known.serves.add(serves);
    else {
      this.found.set(id, { text, serves: new Set([serves]) });
      this.list.push({
        id,
        bindings: bindings.map(({ name, access, shared }) => (shared ? { name, access, shared } : { name, access })),
        scalars: scalars.length,
      });
    }
    return id;
  }

  texts(): Map<string, string> {
    return new Map([...this.found].map(([id, { text, serves }]) => [id, `${comment(serves)}\n${text}`]));
  }
}

/** Names in it come from the model: they stay within one comment. */
function comment(serves: ReadonlySet<string>): string {
  const shown = [...serves].slice(0, 8).map((text) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200));
  const more = serves.size > shown.length ? [`and ${serves.size - shown.length} more`] : [];
  return [...shown, ...more].map((text) => `// ${text === '' ? 'serves nothing with a name' : text}`).join('\n');
}
