/** Whether kernels hold together: what is bound exists, lies within its arena, and is written before it is read. */
import {
  type Dispatch,
  type KernelFunction,
  type KernelModule,
  type KernelProgram,
  MOST_BINDINGS,
  MOST_GROUPS,
  MOST_SCALARS,
  packedElements,
  REGION_ALIGNMENT,
  type Region,
} from './kernels.ts';
import { sizeOf } from './program.ts';

/** Kernels that no compiler of ours writes. */
export class KernelFault extends Error {
  override readonly name = 'KernelFault';
}

/** @throws KernelFault with the first thing that is wrong */
export function verifyKernels(program: KernelProgram): void {
  const arenas = new Map(program.arenas.map((a) => [a.name, a.elements]));
  const modules = new Map(program.modules.map((m) => [m.id, m]));
  for (const arena of program.arenas) check(whole(arena.elements), `arena ${arena.name} has no size`);
  check(arenas.size === program.arenas.length, 'two arenas have one name');
  check(modules.size === program.modules.length, 'two modules have one name');
  for (const m of program.modules) verifyModule(m);
  for (const s of program.states) verifyRegion(s, arenas);
  verifyApart(program.states);
  for (const f of program.functions) verifyFunction(f, program.states, arenas, modules);
}

function verifyModule(m: KernelModule): void {
  check(/^[a-z][a-z0-9-]*$/.test(m.id), `${m.id} is no name of a module`);
  const shared = m.bindings.filter((b) => b.shared).length;
  const buffers = m.bindings.length - shared + Math.min(1, shared);
  check(buffers >= 1 && buffers <= MOST_BINDINGS, `${m.id} binds ${buffers} buffers`);
  check(shared <= MOST_SCALARS, `${m.id} has ${shared} tensors in one buffer`);
  check(
    m.bindings.some((b) => b.access !== 'read'),
    `${m.id} writes nothing`,
  );
  check(
    m.bindings.every((b) => ['read', 'write', 'update'].includes(b.access)),
    `${m.id} has an access of its own`,
  );
  check(m.scalars >= 0 && m.scalars <= MOST_SCALARS, `${m.id} takes ${m.scalars} scalars`);
}

function verifyRegion(r: Region, arenas: ReadonlyMap<string, number>): void {
  const size = arenas.get(r.arena);
  check(size !== undefined, `${r.name} lies in ${r.arena}, which is not there`);
  check(whole(r.offset) && r.offset % REGION_ALIGNMENT === 0, `${r.name} begins at ${r.offset}`);
  check(whole(r.elements) && r.offset + r.elements <= (size ?? 0), `${r.name} does not lie within ${r.arena}`);
}

function verifyApart(regions: readonly Region[]): void {
  const sorted = [...regions].sort((a, b) => (a.arena < b.arena ? -1 : a.arena > b.arena ? 1 : a.offset - b.offset));
  for (const [i, r] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next) check(!overlap(r, next), `${r.name} lies over ${next.name}`);
  }
}

function verifyFunction(
  f: KernelFunction,
  states: readonly Region[],
  arenas: ReadonlyMap<string, number>,
  modules: ReadonlyMap<string, KernelModule>,
): void {
  const regions = new Map([...states, ...f.regions].map((r) => [r.name, r]));
  check(regions.size === states.length + f.regions.length, `${f.name} has two regions of one name`);
  for (const r of f.regions) verifyRegion(r, arenas);
  const known = (name: string): Region => {
    const region = regions.get(name);
    if (!region) throw new KernelFault(`${f.name} has no region ${name}`);
    return region;
  };
  const written = new Written();
  for (const s of states) written.write(s);
  for (const i of f.inputs) {
    const region = known(i.region);
    check(region.elements === packedElements(i.type, sizeOf(i.shape)), `${i.field} does not fit its region`);
    written.write(region);
  }
  for (const d of f.dispatches) verifyDispatch(f, d, known, modules, written);
  for (const { from, to } of f.copies) {
    check(known(from).elements === known(to).elements, `${from} does not fit ${to}`);
    check(
      states.some((s) => s.name === to),
      `${to} is no state`,
    );
    written.read(known(from), `${f.name}: the copy to ${to}`);
  }
  for (const r of f.results) written.read(known(r.region), `${f.name}: the result ${r.name}`);
}

function verifyDispatch(
  f: KernelFunction,
  d: Dispatch,
  known: (name: string) => Region,
  modules: ReadonlyMap<string, KernelModule>,
  written: Written,
): void {
  const module = modules.get(d.module);
  if (!module) throw new KernelFault(`${f.name} runs ${d.module}, which is not there`);
  const where = `${f.name}: ${d.module}`;
  check(d.regions.length === module.bindings.length, `${where} binds ${d.regions.length} regions`);
  check(d.groups.length === 3 && d.groups.every((g) => whole(g) && g >= 1 && g <= MOST_GROUPS), `${where} has no size`);
  check((d.scalars === undefined) === (module.scalars === 0), `${where} and its scalars do not fit`);
  if (d.scalars !== undefined) check(f.scalars[d.scalars]?.length === module.scalars, `${where} wants other scalars`);
  check(Object.values(d.constants).every(Number.isFinite), `${where} has a constant that is no number`);
  const bound = d.regions.map(known);
  const shared = new Set(module.bindings.flatMap((b, i) => (b.shared ? [bound[i]?.arena] : [])));
  check(shared.size <= 1, `${where} shares ${shared.size} buffers`);
  module.bindings.forEach((b, i) => {
    check(b.shared || !shared.has(bound[i]?.arena), `${where} binds part of the buffer that it shares`);
  });
  module.bindings.forEach(({ access }, i) => {
    const region = bound[i] as Region;
    if (access !== 'write') written.read(region, where);
    if (access === 'read') return;
    bound.forEach((other, j) => {
      check(i === j || !overlap(region, other), `${where}: ${region.name} lies over ${other.name}`);
    });
  });
  module.bindings.forEach(({ access }, i) => {
    if (access !== 'read') written.write(bound[i] as Region);
  });
}

/** Which tensor each stretch of the arenas holds: a value whose place another one took cannot be read any more. */
class Written {
  private readonly held = new Map<string, Region[]>();

  write(region: Region): void {
    const others = (this.held.get(region.arena) ?? []).filter((r) => !overlap(r, region));
    this.held.set(region.arena, [...others, region]);
  }

  read(region: Region, where: string): void {
    const found = this.held.get(region.arena)?.some((r) => r.name === region.name);
    check(found === true, `${where} reads ${region.name} before it is written`);
  }
}

function overlap(a: Region, b: Region): boolean {
  return a.arena === b.arena && a.offset < b.offset + b.elements && b.offset < a.offset + a.elements;
}

function whole(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new KernelFault(what);
}
