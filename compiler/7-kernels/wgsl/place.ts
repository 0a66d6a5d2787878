/**
 * Where tensors lie: states in arenas of their own for good, values in one that all functions share, each only as long
 * as somebody reads it. A state's new value goes to the state's own place where nobody reads the old one any more.
 */
import { type Arena, packedElements, REGION_ALIGNMENT, type Region } from '../../../spec/kernels.ts';
import { type Program, type ProgramFunction, sizeOf } from '../../../spec/program.ts';
import { type Cluster, inputsOf } from './cluster.ts';
import type { Flat } from './flat.ts';

const aligned = (n: number): number => Math.ceil(n / REGION_ALIGNMENT) * REGION_ALIGNMENT;

/** Several buffers of limited size, named `NAME`, `NAME.1`, … */
export class Arenas {
  private readonly name: string;
  private readonly most: number;
  private readonly sizes: number[] = [0];
  private readonly known = new Map<string, Region>();

  /** @param most elements of one; a tensor that is larger has one of its own */
  constructor(name: string, most: number) {
    this.name = name;
    this.most = most;
  }

  /** Room at the end. */
  append(name: string, elements: number): Region {
    let last = this.sizes.length - 1;
    const used = this.sizes[last] ?? 0;
    if (used > 0 && used + elements > this.most) last = this.sizes.push(0) - 1;
    const offset = this.sizes[last] ?? 0;
    this.sizes[last] = offset + aligned(elements);
    return { name, arena: last === 0 ? this.name : `${this.name}.${last}`, offset, elements };
  }

  /** Room that all who give it the same name share. */
  once(name: string, elements: number): Region {
    const region = this.known.get(name) ?? this.append(name, elements);
    this.known.set(name, region);
    return region;
  }

  list(): Arena[] {
    return this.sizes.flatMap((elements, i) =>
      elements > 0 ? [{ name: i === 0 ? this.name : `${this.name}.${i}`, elements }] : [],
    );
  }
}

export interface Layout {
  /** By name: where each value lies; a state's new value may lie where the state does. */
  readonly of: ReadonlyMap<string, Region>;
  /** Regions of this function alone. */
  readonly own: readonly Region[];
  /** States whose new value is copied behind everything. */
  readonly copies: readonly { readonly from: string; readonly to: string }[];
}

export function placeStates(program: Program, arenas: Arenas): Region[] {
  return program.states.map((s) => arenas.append(s.id, sizeOf(s.shape)));
}

export interface SharedArenas {
  readonly states: Arenas;
  readonly values: ValueArena;
  /** Of weights in half precision: every function that wants them makes its own copy there. */
  readonly halves: Arenas;
  readonly inputs: Arenas;
  readonly results: Arenas;
}

export function placeValues(
  f: ProgramFunction,
  flat: Flat,
  launches: readonly (readonly Cluster[])[],
  states: readonly Region[],
  shared: SharedArenas,
): Layout {
  const of = new Map<string, Region>(states.map((s) => [s.name, s]));
  const own: Region[] = [];
  const put = (value: string, region: Region): void => {
    of.set(value, region);
    own.push(region);
  };
  for (const i of f.inputs) put(i.id, shared.inputs.append(i.id, packedElements(i.type, sizeOf(i.shape))));
  const lastRead = lastReads(flat, launches);
  const copies: { from: string; to: string }[] = [];
  const inPlace = new Map<string, Region>();
  for (const { state, value } of flat.updates) {
    const region = of.get(state);
    if (region && canWriteInPlace(state, value, launches)) inPlace.set(value, region);
    else copies.push({ from: value, to: state });
  }
  const results = new Set(flat.results.map((r) => r.value));
  const alive: { region: Region; until: number }[] = [];
  launches.forEach((launch, time) => {
    for (const { output, elements } of launch.flatMap((k) =>
      k.outputs.map((o) => ({ output: o, elements: k.elements })),
    )) {
      const there = inPlace.get(output);
      if (there) of.set(output, there);
      else if (flat.types.get(output) === 'f16') put(output, shared.halves.once(output, elements));
      else if (results.has(output)) put(output, shared.results.append(output, elements));
      else {
        const region = shared.values.take(output, elements);
        alive.push({ region, until: lastRead.get(output) ?? time });
        put(output, region);
      }
    }
    for (let i = alive.length - 1; i >= 0; i--) {
      const held = alive[i];
      if (!held || held.until > time) continue;
      shared.values.give(held.region);
      alive.splice(i, 1);
    }
  });
  for (const { region } of alive) shared.values.give(region);
  return { of, own, copies };
}

/** The launch that reads each value last; what is copied at the end stays for good. */
function lastReads(flat: Flat, launches: readonly (readonly Cluster[])[]): Map<string, number> {
  const last = new Map<string, number>();
  launches.forEach((launch, time) => {
    for (const kernel of launch) for (const base of inputsOf(kernel, flat)) last.set(base, time);
  });
  for (const { value } of flat.updates) last.set(value, launches.length);
  return last;
}

/** Nobody reads the old value at that time or later, and the kernel that writes the new one reads the old one place by place. */
function canWriteInPlace(state: string, value: string, launches: readonly (readonly Cluster[])[]): boolean {
  const writer = launches.findIndex((launch) => launch.some((k) => k.outputs.includes(value)));
  const kernel = launches[writer]?.find((k) => k.outputs.includes(value));
  if (!kernel) return false;
  const reads = (k: Cluster): boolean =>
    [k.anchor, ...k.claimed.values(), ...k.members].some((op) => op?.uses.some((u) => u.base === state));
  const others = launches.slice(writer).flat();
  if (others.some((k) => k !== kernel && reads(k))) return false;
  const otherwise = [kernel.anchor, ...kernel.claimed.values()];
  if (otherwise.some((op) => op?.uses.some((u) => u.base === state))) return false;
  return kernel.members.every((op) => op.uses.every((u) => u.base !== state || sizeOf(u.shape) === kernel.elements));
}

/** Regions that come and go: the first gap that is large enough. */
export class ValueArena {
  private readonly most: number;
  private readonly taken: Region[][] = [];
  private readonly sizes: number[] = [];

  constructor(most: number) {
    this.most = most;
  }

  take(name: string, elements: number): Region {
    const wanted = aligned(elements);
    for (let i = 0; ; i++) {
      this.taken[i] ??= [];
      const list = this.taken[i] ?? [];
      const { at, offset } = gap(list, wanted);
      if (offset > 0 && offset + wanted > this.most) continue;
      const region = { name, arena: i === 0 ? 'values' : `values.${i}`, offset, elements };
      list.splice(at, 0, region);
      this.sizes[i] = Math.max(this.sizes[i] ?? 0, offset + wanted);
      return region;
    }
  }

  give(region: Region): void {
    const index = region.arena === 'values' ? 0 : Number(region.arena.slice('values.'.length));
    const list = this.taken[index];
    list?.splice(list.indexOf(region), 1);
  }

  list(): Arena[] {
    return this.sizes.map((elements, i) => ({ name: i === 0 ? 'values' : `values.${i}`, elements }));
  }
}

function gap(taken: readonly Region[], wanted: number): { at: number; offset: number } {
  let end = 0;
  for (const [at, region] of taken.entries()) {
    if (region.offset - end >= wanted) return { at, offset: end };
    end = region.offset + aligned(region.elements);
  }
  return { at: taken.length, offset: end };
}
