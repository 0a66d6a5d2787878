/** Bindings of each dispatch of a function, and the places of its tensors, as its pipeline is told. */
import {
  type Dispatch,
  type KernelBuffer,
  type KernelFunction,
  type KernelModule,
  type KernelProgram,
  type KernelTensor,
  type Region,
  stepTable,
} from '../../../spec/kernels.ts';

/** Of each storage buffer of group 0, in order. */
export type Accesses = readonly KernelBuffer['access'][];

export interface BoundDispatch {
  readonly dispatch: Dispatch;
  readonly module: KernelModule;
  /** By binding. */
  readonly arenas: readonly string[];
  readonly accesses: Accesses;
  /** Overrides of the module: sizes, and places where they are none of a uniform buffer. */
  readonly constants: Readonly<Record<string, number>>;
  /** Content of the uniform buffer of places or steps, if it has one. */
  readonly places: readonly number[] | undefined;
}

/** @param program that `verifyKernels` found sound */
export function boundDispatches({ modules, states }: KernelProgram, f: KernelFunction): BoundDispatch[] {
  const byId = new Map(modules.map((m) => [m.id, m]));
  const regions = new Map([...states, ...f.regions].map((r) => [r.name, r]));
  const used = f.dispatches.map((d) => known(byId, d.module));
  const usual = f.bound.map((_, binding) => usualAccess(used, binding));
  return f.dispatches.map((dispatch): BoundDispatch => {
    const module = known(byId, dispatch.module);
    const offsets = dispatch.regions.map((name) => known(regions, name).offset);
    const overridden = module.places === 'overrides' ? module.tensors.map((t, i) => [t.name, offsets[i] ?? 0]) : [];
    return {
      dispatch,
      module,
      ...(f.bound.length > 0
        ? { arenas: f.bound, accesses: usual.map((access, i) => accessOf(module, i) ?? access) }
        : ownBuffers(module, arenasOf(module, dispatch, regions))),
      constants: { ...dispatch.constants, ...Object.fromEntries(overridden) },
      places: uniformOf(module, dispatch, regions),
    };
  });
}

/** Content of a module's uniform buffer, if it has one. */
function uniformOf(
  module: KernelModule,
  dispatch: Dispatch,
  regions: ReadonlyMap<string, Region>,
): readonly number[] | undefined {
  const offsetOf = (name: string): number => known(regions, name).offset;
  if (module.places === 'table') return stepTable(module, dispatch, offsetOf);
  return module.places === 'uniform' ? dispatch.regions.map(offsetOf) : undefined;
}

const accessOf = (m: KernelModule, binding: number): KernelBuffer['access'] | undefined =>
  m.buffers.find((b) => b.binding === binding)?.access;

/** How a kernel that does not use a buffer binds it: as most of the others, so that launches share one bind group. */
function usualAccess(modules: readonly KernelModule[], binding: number): KernelBuffer['access'] {
  return modules.some((m) => accessOf(m, binding) === 'read') ? 'read' : 'update';
}

function ownBuffers({ buffers }: KernelModule, arenas: readonly string[]): Pick<BoundDispatch, 'arenas' | 'accesses'> {
  const placed = buffers.map((buffer, i) => ({ ...buffer, arena: arenas[i] ?? '' }));
  placed.sort((a, b) => a.binding - b.binding);
  return { arenas: placed.map((b) => b.arena), accesses: placed.map((b) => b.access) };
}

/** The arena of each of a module's buffers. */
function arenasOf(
  { buffers, tensors, parts }: KernelModule,
  { regions: names, steps }: Dispatch,
  regions: ReadonlyMap<string, Region>,
): string[] {
  const byPart = new Map(parts.map((p) => [p.name, p.tensors]));
  const arenas = buffers.map(() => '');
  const note = (those: readonly KernelTensor[], lie: readonly string[]): void =>
    those.forEach((t, i) => {
      arenas[t.buffer] = known(regions, lie[i] ?? '').arena;
    });
  note(tensors, names);
  for (const step of steps) note(byPart.get(step.part) ?? [], step.regions);
  return arenas;
}

export function known<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}
