/** What each dispatch of a function binds, and what its pipeline is told of where its tensors lie. */
import type {
  Dispatch,
  KernelBuffer,
  KernelFunction,
  KernelModule,
  KernelProgram,
  Region,
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
  /** What goes into the uniform buffer of places, if it has one. */
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
    const lie = dispatch.regions.map((name) => known(regions, name));
    const offsets = lie.map((r) => r.offset);
    const overridden = module.places === 'overrides' ? module.tensors.map((t, i) => [t.name, offsets[i] ?? 0]) : [];
    return {
      dispatch,
      module,
      ...(f.bound.length > 0
        ? { arenas: f.bound, accesses: usual.map((access, i) => accessOf(module, i) ?? access) }
        : ownBuffers(module, lie)),
      constants: { ...dispatch.constants, ...Object.fromEntries(overridden) },
      places: module.places === 'uniform' ? offsets : undefined,
    };
  });
}

const accessOf = (m: KernelModule, binding: number): KernelBuffer['access'] | undefined =>
  m.buffers.find((b) => b.binding === binding)?.access;

/** How a kernel that does not use a buffer binds it: as most of the others, so that launches share one bind group. */
function usualAccess(modules: readonly KernelModule[], binding: number): KernelBuffer['access'] {
  return modules.some((m) => accessOf(m, binding) === 'read') ? 'read' : 'update';
}

function ownBuffers(module: KernelModule, lie: readonly Region[]): Pick<BoundDispatch, 'arenas' | 'accesses'> {
  const buffers = module.buffers.map((buffer, i) => ({
    ...buffer,
    arena: lie[module.tensors.findIndex((t) => t.buffer === i)]?.arena ?? '',
  }));
  buffers.sort((a, b) => a.binding - b.binding);
  return { arenas: buffers.map((b) => b.arena), accesses: buffers.map((b) => b.access) };
}

export function known<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}
