/**
 * Where tensors lie: states in arenas of their own for good, values in one that all functions share, each only until
 * its last reader. A state's new value goes to the state's own place where the old one is not read any more.
 */
import { append } from '../../../spec/append.ts';
import { type Arena, packedElements, partName, REGION_ALIGNMENT, type Region } from '../../../spec/kernels.ts';
import { type Program, type ProgramFunction, sizeOf } from '../../../spec/program.ts';
import type { Cluster } from './cluster.ts';
import type { Flat } from './flat.ts';
import { partCount } from './parts.ts';
import type { Placed } from './placed.ts';

const aligned = (n: number): number => Math.ceil(n / REGION_ALIGNMENT) * REGION_ALIGNMENT;

/** @param bound elements of a part, at most @param put finds room for a part */
function inParts(
  name: string,
  elements: number,
  bound: number,
  put: (name: string, elements: number) => Region,
): Placed {
  const count = partCount(elements, bound);
  if (count === 1) return { name, parts: [put(name, elements)] };
  const parts = Array.from({ length: count }, (_, i) => put(partName(name, i), Math.min(bound, elements - i * bound)));
  return { name, parts };
}

/** Several buffers of limited size, named `NAME`, `NAME.1`, … */
export class Arenas {
  readonly #name: string;
  readonly #most: number;
  readonly #sizes: number[] = [0];
  readonly #bound: number;
  readonly #known = new Map<string, Placed>();

  /**
   * @param most elements of one; a part that is larger has one of its own
   * @param bound elements that a device binds at once, a multiple of the alignment: a larger tensor lies in parts
   */
  constructor(name: string, most: number, bound: number) {
    this.#name = name;
    this.#most = most;
    this.#bound = bound;
  }

  place(name: string, elements: number): Placed {
    return inParts(name, elements, this.#bound, (part, size) => this.append(part, size));
  }

  /** Room at the end. */
  append(name: string, elements: number): Region {
    let last = this.#sizes.length - 1;
    const used = this.#sizes[last] ?? 0;
    if (used > 0 && used + elements > this.#most) last = this.#sizes.push(0) - 1;
    const offset = this.#sizes[last] ?? 0;
    this.#sizes[last] = offset + aligned(elements);
    return { name, arena: last === 0 ? this.#name : `${this.#name}.${last}`, offset, elements };
  }

  /** Room that is shared under one name. */
  once(name: string, elements: number): Placed {
    const placed = this.#known.get(name) ?? this.place(name, elements);
    this.#known.set(name, placed);
    return placed;
  }

  list(): Arena[] {
    return this.#sizes.flatMap((elements, i) =>
      elements > 0 ? [{ name: i === 0 ? this.#name : `${this.#name}.${i}`, elements }] : [],
    );
  }
}

export interface Layout {
  /** By name: where each value lies; a state's new value may lie where the state does. */
  readonly of: ReadonlyMap<string, Placed>;
  /** Regions of this function alone. */
  readonly own: readonly Region[];
  /** States whose new value is copied behind everything. */
  readonly copies: readonly { readonly from: string; readonly to: string }[];
}

export function placeStates(program: Program, arenas: Arenas): Placed[] {
  return program.states.map((s) => arenas.place(s.id, sizeOf(s.shape)));
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
  states: readonly Placed[],
  shared: SharedArenas,
): Layout {
  const of = new Map<string, Placed>(states.map((s) => [s.name, s]));
  const own: Region[] = [];
  const put = (value: string, placed: Placed): void => {
    of.set(value, placed);
    own.push(...placed.parts);
  };
  for (const i of f.inputs) put(i.id, shared.inputs.place(i.id, packedElements(i.type, sizeOf(i.shape))));
  const lastRead = lastReads(flat, launches);
  const copies: { from: string; to: string }[] = [];
  const inPlace = new Map<string, Placed>();
  const canWriteInPlace = placesFree(flat, launches);
  const copied: { readonly value: string; readonly to: Placed }[] = [];
  for (const { state, value } of flat.updates) {
    const to = of.get(state);
    if (to && canWriteInPlace(state, value)) inPlace.set(value, to);
    else if (to) copied.push({ value, to });
  }
  const results = new Set(flat.results.map((r) => r.value));
  const alive: { placed: Placed; until: number }[] = [];
  launches.forEach((launch, time) => {
    for (const { output, elements } of launch.flatMap((k) =>
      k.outputs.map((o) => ({ output: o, elements: k.elements })),
    )) {
      const there = inPlace.get(output);
      if (there) of.set(output, there);
      else if (flat.types.get(output) === 'f16') put(output, shared.halves.once(output, elements));
      else if (results.has(output)) put(output, shared.results.place(output, elements));
      else {
        const placed = shared.values.take(output, elements);
        alive.push({ placed, until: lastRead.get(output) ?? time });
        put(output, placed);
      }
    }
    for (let i = alive.length - 1; i >= 0; i--) {
      const held = alive[i];
      if (!held || held.until > time) continue;
      shared.values.give(held.placed);
      alive.splice(i, 1);
    }
  });
  for (const { placed } of alive) shared.values.give(placed);
  for (const { value, to } of copied) {
    const from = of.get(value)?.parts ?? [];
    to.parts.forEach((part, i) => {
      copies.push({ from: from[i]?.name ?? value, to: part.name });
    });
  }
  return { of, own, copies };
}

/** The launch that reads each value last; what is copied at the end stays for good. */
function lastReads(flat: Flat, launches: readonly (readonly Cluster[])[]): Map<string, number> {
  const last = new Map<string, number>();
  launches.forEach((launch, time) => {
    for (const kernel of launch) for (const base of kernel.inputs) last.set(base, time);
  });
  for (const { value } of flat.updates) last.set(value, launches.length);
  return last;
}

interface Placing {
  readonly kernel: Cluster;
  /** Of its launch. */
  readonly time: number;
}

/**
 * Whether a state's new value may go to the state's own place: the old value is not read at that time or later, and the
 * kernel that writes the new one reads the old one place by place.
 */
function placesFree(flat: Flat, launches: readonly (readonly Cluster[])[]): (state: string, value: string) => boolean {
  const states = new Set(flat.updates.map((u) => u.state));
  const writers = new Map<string, Placing>();
  const readers = new Map<string, Placing[]>();
  for (const [time, launch] of launches.entries())
    for (const kernel of launch) {
      for (const output of kernel.outputs) if (!writers.has(output)) writers.set(output, { kernel, time });
      for (const base of kernel.inputs) if (states.has(base)) append(readers, base, { kernel, time });
    }
  return (state, value) => {
    const writer = writers.get(value);
    if (!writer) return false;
    const { kernel, time } = writer;
    if (readers.get(state)?.some((r) => r.time >= time && r.kernel !== kernel)) return false;
    const otherwise = [kernel.anchor, ...kernel.claimed.values()];
    if (otherwise.some((op) => op?.uses.some((u) => u.base === state))) return false;
    return kernel.members.every((op) => op.uses.every((u) => u.base !== state || sizeOf(u.shape) === kernel.elements));
  };
}

/** Regions that come and go: the first gap that is large enough. */
export class ValueArena {
  readonly #most: number;
  readonly #bound: number;
  readonly #taken: Region[][] = [];
  readonly #sizes: number[] = [];

  constructor(most: number, bound: number) {
    this.#most = most;
    this.#bound = bound;
  }

  take(name: string, elements: number): Placed {
    return inParts(name, elements, this.#bound, (part, size) => this.#takePart(part, size));
  }

  #takePart(name: string, elements: number): Region {
    const wanted = aligned(elements);
    for (let i = 0; ; i++) {
      this.#taken[i] ??= [];
      const list = this.#taken[i] ?? [];
      const { at, offset } = gap(list, wanted);
      if (offset > 0 && offset + wanted > this.#most) continue;
      const region = { name, arena: i === 0 ? 'values' : `values.${i}`, offset, elements };
      list.splice(at, 0, region);
      this.#sizes[i] = Math.max(this.#sizes[i] ?? 0, offset + wanted);
      return region;
    }
  }

  give({ parts }: Placed): void {
    for (const region of parts) {
      const index = region.arena === 'values' ? 0 : Number(region.arena.slice('values.'.length));
      const list = this.#taken[index];
      list?.splice(list.indexOf(region), 1);
    }
  }

  list(): Arena[] {
    return this.#sizes.map((elements, i) => ({ name: i === 0 ? 'values' : `values.${i}`, elements }));
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
