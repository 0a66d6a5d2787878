/** Whether kernels hold together: what is bound exists, lies within its arena, and is written before it is read. */
import {
  type Dispatch,
  elementsOf,
  inTheWay,
  type KernelFunction,
  type KernelModule,
  type KernelProgram,
  type KernelTensor,
  MAX_BINDINGS,
  MAX_GROUPS,
  MAX_SCALARS,
  MAX_STEPS,
  MAX_WRITTEN_STEPS,
  overlap,
  packedElements,
  partsOf,
  REGION_ALIGNMENT,
  type Region,
  type Touched,
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
  check(/^[a-z][a-z0-9-]*$/.test(m.id), `${m.id} is not the name of a module`);
  check(m.buffers.length >= 1 && m.buffers.length <= MAX_BINDINGS, `${m.id} binds ${m.buffers.length} buffers`);
  const bindings = new Set(m.buffers.map((b) => b.binding));
  check(bindings.size === m.buffers.length, `${m.id} binds two buffers in one place`);
  check([...bindings].every(whole), `${m.id} has a binding of its own`);
  check(
    m.buffers.every((b) => ['read', 'update'].includes(b.access)),
    `${m.id} has an access of its own`,
  );
  const persistent = m.places === 'table';
  check(persistent === m.parts.length > 0, `${m.id} ${persistent ? 'has no parts' : 'has parts and no table'}`);
  if (!persistent) {
    verifyTensors(m, m.tensors, m.id);
    return;
  }
  check(m.tensors.length === 0, `${m.id} has tensors beside those of its parts`);
  check(m.parts.length <= MAX_WRITTEN_STEPS, `${m.id} has ${m.parts.length} parts`);
  check(new Set(m.parts.map((p) => p.name)).size === m.parts.length, `${m.id} has two parts of one name`);
  for (const { name, tensors } of m.parts) verifyTensors(m, tensors, `${m.id}, ${name}`);
}

function verifyTensors({ buffers }: KernelModule, tensors: readonly KernelTensor[], where: string): void {
  check(
    tensors.every((t) => ['read', 'write', 'update'].includes(t.access)),
    `${where} has an access of its own`,
  );
  check(
    tensors.some((t) => t.access !== 'read'),
    `${where} writes nothing`,
  );
  for (const t of tensors) {
    const buffer = buffers[t.buffer];
    check(buffer !== undefined, `${where}: ${t.name} lies in no buffer`);
    check(t.access === 'read' || buffer?.access === 'update', `${where} writes ${t.name}, which it may only read`);
  }
}

function verifyRegion(r: Region, arenas: ReadonlyMap<string, number>): void {
  const size = arenas.get(r.arena);
  check(size !== undefined, `${r.name} lies in ${r.arena}, which does not exist`);
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
  const tensor = (name: string): readonly Region[] => {
    const parts = partsOf(name, regions);
    return parts.length > 0 ? parts : [known(name)];
  };
  check(f.bound.length <= MAX_BINDINGS, `${f.name} binds ${f.bound.length} buffers`);
  check(new Set(f.bound).size === f.bound.length, `${f.name} binds a buffer twice`);
  for (const name of f.bound) check(arenas.has(name), `${f.name} binds ${name}, which does not exist`);
  const written = new Written();
  for (const s of states) written.write(s);
  for (const { region, values } of f.scalars) {
    check(known(region).elements === values.length, `${region} of ${f.name} has no room for its scalars`);
    check(values.length <= MAX_SCALARS, `${f.name} has ${values.length} scalars in one place`);
    written.write(known(region));
  }
  for (const i of f.inputs) {
    const parts = tensor(i.region);
    check(elementsOf(parts) === packedElements(i.type, sizeOf(i.shape)), `${i.field} does not fit its region`);
    for (const part of parts) written.write(part);
  }
  for (const d of f.dispatches) verifyDispatch(f, d, known, modules, written);
  for (const { from, to } of f.copies) {
    check(known(from).elements === known(to).elements, `${from} does not fit ${to}`);
    check(
      states.some((s) => s.name === to),
      `${to} is not a state`,
    );
    written.read(known(from), `${f.name}: the copy to ${to}`);
  }
  for (const r of f.results) for (const part of tensor(r.region)) written.read(part, `${f.name}: the result ${r.name}`);
}

function verifyDispatch(
  f: KernelFunction,
  d: Dispatch,
  known: (name: string) => Region,
  modules: ReadonlyMap<string, KernelModule>,
  written: Written,
): void {
  const module = modules.get(d.module);
  if (!module) throw new KernelFault(`${f.name} runs ${d.module}, which does not exist`);
  const where = `${f.name}: ${d.module}`;
  check(d.regions.length === module.tensors.length, `${where} takes ${d.regions.length} regions`);
  check(d.groups.length === 3 && d.groups.every((g) => whole(g) && g >= 1 && g <= MAX_GROUPS), `${where} has no size`);
  check(Object.values(d.constants).every(Number.isFinite), `${where} has a constant that is not a number`);
  check(
    module.tensors.every((t) => !Object.hasOwn(d.constants, t.name)),
    `${where} has a place of its own`,
  );
  const taken = d.regions.map(known);
  verifyBound(
    f,
    module,
    [...module.tensors.map((t, i) => [t, taken[i] as Region] as const), ...inSteps(module, d, known)],
    where,
  );
  if (module.places === 'table') verifySteps(module, d, known, written, where);
  else {
    check(d.steps.length === 0, `${where} has steps and no parts`);
    carryOut(module.tensors, taken, written, where);
  }
}

/** Reads, then writes, of one kernel or one step. */
function carryOut(tensors: readonly KernelTensor[], taken: readonly Region[], written: Written, where: string): void {
  tensors.forEach(({ access }, i) => {
    const region = taken[i] as Region;
    if (access !== 'write') written.read(region, where);
    if (access === 'read') return;
    taken.forEach((other, j) => {
      check(i === j || !overlap(region, other), `${where}: ${region.name} lies over ${other.name}`);
    });
  });
  tensors.forEach(({ access }, i) => {
    if (access !== 'read') written.write(taken[i] as Region);
  });
}

/** Tensors of all steps, with the regions that they are. */
function inSteps(
  module: KernelModule,
  d: Dispatch,
  known: (name: string) => Region,
): (readonly [KernelTensor, Region])[] {
  const parts = new Map(module.parts.map((p) => [p.name, p.tensors]));
  return d.steps.flatMap(({ part, regions }) => {
    const tensors = parts.get(part);
    if (!tensors) throw new KernelFault(`${module.id} has no part ${part}`);
    check(regions.length === tensors.length, `${module.id}: a step ${part} takes ${regions.length} regions`);
    return tensors.map((t, i) => [t, known(regions[i] ?? '')] as const);
  });
}

/** One group carries them out, whose threads wait for each other only where a step says so. */
function verifySteps(
  module: KernelModule,
  d: Dispatch,
  known: (name: string) => Region,
  written: Written,
  where: string,
): void {
  check(d.steps.length >= 1 && d.steps.length <= MAX_STEPS, `${where} has ${d.steps.length} steps`);
  check(
    d.groups.every((g) => g === 1),
    `${where} has more than one group`,
  );
  const parts = new Map(module.parts.map((p) => [p.name, p.tensors]));
  let touched: Touched[] = [];
  for (const [i, { part, waits, regions }] of d.steps.entries()) {
    const tensors = parts.get(part) ?? [];
    const taken = regions.map(known);
    if (waits) touched = [];
    const now = tensors.map(({ access }, j): Touched => ({ region: taken[j] as Region, writes: access !== 'read' }));
    check(!now.some((t) => touched.some((before) => inTheWay(before, t))), `${where}: step ${i} does not wait`);
    touched.push(...now);
    carryOut(tensors, taken, written, `${where}, step ${i}`);
  }
}

/** Each buffer of the module is one arena, of its own, and the one that the function binds there. */
function verifyBound(
  f: KernelFunction,
  module: KernelModule,
  taken: readonly (readonly [KernelTensor, Region])[],
  where: string,
): void {
  const arenas = module.buffers.map((_, i) => taken.find(([t]) => t.buffer === i)?.[1].arena);
  check(!arenas.includes(undefined), `${where} binds a buffer that it does not use`);
  check(new Set(arenas).size === arenas.length, `${where} binds an arena twice`);
  for (const [{ name, buffer }, region] of taken)
    check(region.arena === arenas[buffer], `${where}: ${name} lies in another buffer`);
  module.buffers.forEach(({ name, binding }, i) => {
    const expected = f.bound.length > 0 ? f.bound[binding] === arenas[i] : binding < module.buffers.length;
    check(expected, `${where}: ${name} is bound elsewhere`);
  });
}

/** Which tensor each stretch of the arenas holds: a value whose place another one took cannot be read any more. */
class Written {
  readonly #held = new Map<string, Region[]>();

  write(region: Region): void {
    const others = (this.#held.get(region.arena) ?? []).filter((r) => !overlap(r, region));
    this.#held.set(region.arena, [...others, region]);
  }

  read(region: Region, where: string): void {
    const found = this.#held.get(region.arena)?.some((r) => r.name === region.name);
    check(found === true, `${where} reads ${region.name} before it is written`);
  }
}

function whole(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new KernelFault(what);
}
