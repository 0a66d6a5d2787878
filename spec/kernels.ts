/**
 * Kernels: a program as a device with many small processors runs it. Each function is a list of dispatches, in order,
 * over regions of a few large buffers (arenas); each dispatch runs one WGSL module. `kernel-text.ts` prints and parses
 * it, `kernel-verify.ts` says whether it can be trusted.
 */
import type { FieldType, ScalarExpr, Shape } from './program.ts';

/** Regions begin at multiples of this many elements: the 256 bytes that every adapter can bind at. */
export const REGION_ALIGNMENT = 64;
/** Storage buffers that one kernel may bind: what every WebGPU adapter offers. */
export const MOST_BINDINGS = 8;
/** Elements that one of them may have: 128 MiB, what every WebGPU adapter offers. */
export const MOST_BOUND = 32 * 1024 * 1024;
/** Groups along one direction of a dispatch: what every WebGPU adapter offers. */
export const MOST_GROUPS = 65535;
/** Numbers of the host in one dispatch: 256 bytes of them. */
export const MOST_SCALARS = 64;

/** One buffer of the device, in elements of four bytes. */
export interface Arena {
  readonly name: string;
  readonly elements: number;
}

/**
 * Where a tensor lies, or a part of one that is larger than what a device binds at once (`partName`). Names of the
 * program: states, values, inputs; `scalars N` for numbers of the host.
 */
export interface Region {
  readonly name: string;
  readonly arena: string;
  /** In elements of four bytes. */
  readonly offset: number;
  readonly elements: number;
}

/** An arena as a module binds it: whole, a storage buffer of group 0. */
export interface KernelBuffer {
  /** As the module calls it: `states`, `values`, `inputs`, `results`, with a number behind where there are several. */
  readonly name: string;
  readonly binding: number;
  /** `update`: read and written. */
  readonly access: 'read' | 'update';
}

export interface KernelTensor {
  /** As the module calls the place where it begins. */
  readonly name: string;
  /** `update`: each element is read, then written. */
  readonly access: 'read' | 'write' | 'update';
  /** Index into the module's `buffers`. */
  readonly buffer: number;
}

/** One WGSL module, in the plan as `kernels/ID.wgsl`; its entry is `main`. */
export interface KernelModule {
  /** Kind and hash: `product-1f0a3b9c44d2`. */
  readonly id: string;
  /** Those that it uses. */
  readonly buffers: readonly KernelBuffer[];
  readonly tensors: readonly KernelTensor[];
  /**
   * How it learns where its tensors begin, in elements: by overrides of their names, or by a uniform buffer at binding 0
   * of group 1 with one number for each. Overrides need nothing bound for a launch, but a pipeline for each place.
   */
  readonly places: 'overrides' | 'uniform';
}

export interface Dispatch {
  readonly module: string;
  readonly groups: readonly [number, number, number];
  /** Overrides of the module: sizes. */
  readonly constants: Readonly<Record<string, number>>;
  /** Regions by name, one for each tensor: of a tensor in parts, one for each part. */
  readonly regions: readonly string[];
  /** Nodes, links and weights that it works for. */
  readonly serves: string;
  readonly flops: number;
}

export interface KernelInput {
  readonly field: string;
  readonly type: FieldType;
  /** Begins with the batch. */
  readonly shape: Shape;
  readonly region: string;
}

/** Numbers that the host works out before a run, in f64. */
export interface KernelScalars {
  readonly region: string;
  readonly values: readonly ScalarExpr[];
}

export interface KernelFunction {
  readonly name: string;
  readonly batch: number;
  /**
   * Arenas that every dispatch binds, by binding: then one bind group serves all. None where they are too many for that:
   * then each dispatch binds those that it uses.
   */
  readonly bound: readonly string[];
  readonly inputs: readonly KernelInput[];
  readonly regions: readonly Region[];
  readonly scalars: readonly KernelScalars[];
  readonly dispatches: readonly Dispatch[];
  /** New values of states that could not be written in place: copied behind all dispatches. */
  readonly copies: readonly { readonly from: string; readonly to: string }[];
  readonly results: readonly { readonly name: string; readonly region: string }[];
}

export interface KernelProgram {
  readonly name: string;
  readonly arenas: readonly Arena[];
  readonly modules: readonly KernelModule[];
  readonly states: readonly Region[];
  readonly functions: readonly KernelFunction[];
}

/** The region of one part of a tensor; all parts but the last have equally many elements. */
export const partName = (tensor: string, part: number): string => `${tensor} part ${part}`;

/** The regions of a tensor in order: one of its name, or its parts; none where it is unknown. */
export function partsOf(tensor: string, regions: ReadonlyMap<string, Region>): Region[] {
  const whole = regions.get(tensor);
  if (whole) return [whole];
  const parts: Region[] = [];
  for (;;) {
    const part = regions.get(partName(tensor, parts.length));
    if (!part) return parts;
    parts.push(part);
  }
}

/** Bytes of a field as the device holds it: bytes stay packed. */
export function packedElements(type: FieldType, count: number): number {
  return type === 'u8' ? Math.ceil(count / 4) : count;
}

export const KERNEL_LIST = 'kernels/dispatches.txt';
export const modulePath = (id: string): string => `kernels/${id}.wgsl`;
