/**
 * Kernels: a program as a device with many small processors runs it. Each function is a list of dispatches, in order,
 * over regions of a few large buffers (arenas); each dispatch runs one WGSL module. `kernel-text.ts` prints and parses
 * it, `kernel-verify.ts` says whether it can be trusted.
 */
import type { FieldType, ScalarExpr, Shape } from './program.ts';

/** Regions begin at multiples of this many elements: the 256 bytes that every adapter can bind at. */
export const REGION_ALIGNMENT = 64;
/** Storage buffers that one kernel may bind: what every WebGPU adapter offers. */
export const MAX_BINDINGS = 8;
/** Elements that one of them may have: 128 MiB, what every WebGPU adapter offers. */
export const MAX_BOUND_ELEMENTS = 32 * 1024 * 1024;
/** Groups along one direction of a dispatch: what every WebGPU adapter offers. */
export const MAX_GROUPS = 65535;
/** Numbers of the host in one dispatch: 256 bytes of them. */
export const MAX_SCALARS = 64;

/** Steps that are written in one persistent kernel, those of a loop once: a driver compiles each of them. */
export const MAX_WRITTEN_STEPS = 64;
/** Steps of one persistent kernel: their table stays within the 64 KiB of a uniform buffer. */
export const MAX_STEPS = 2048;

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
  /** None of a persistent kernel: its parts have them. */
  readonly tensors: readonly KernelTensor[];
  /** Kinds of steps of a persistent kernel; none of any other. */
  readonly parts: readonly KernelPart[];
  /**
   * How it learns where its tensors begin, in elements: by overrides of their names, or by a uniform buffer at binding 0
   * of group 1 with one number for each. Overrides need nothing bound for a launch, but a pipeline for each place. In the
   * place of the numbers a persistent kernel has a row of them there for each of its steps (`stepTable`).
   */
  readonly places: 'overrides' | 'uniform' | 'table';
}

/** One form of step. */
export interface KernelPart {
  /** As the module calls its function: `product2`. */
  readonly name: string;
  readonly tensors: readonly KernelTensor[];
}

/** Work of a persistent kernel at one time, with its one group. */
export interface KernelStep {
  readonly part: string;
  /** Whether it waits until the steps before it are done: not where it touches nothing of theirs. */
  readonly waits: boolean;
  /** Regions by name, one for each tensor of the part. */
  readonly regions: readonly string[];
  readonly serves: string;
  readonly flops: number;
}

export interface Dispatch {
  readonly module: string;
  readonly groups: readonly [number, number, number];
  /** Overrides of the module: sizes. */
  readonly constants: Readonly<Record<string, number>>;
  /** Regions by name, one for each tensor: of a tensor in parts, one for each part. */
  readonly regions: readonly string[];
  /** Of a persistent kernel, in order; none of any other. */
  readonly steps: readonly KernelStep[];
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

/** Words of a step in its kernel's table; rows begin at 16 bytes. */
export const elementsOf = (parts: readonly Region[]): number => parts.reduce((sum, part) => sum + part.elements, 0);

export function stepWords({ parts }: Pick<KernelModule, 'parts'>): number {
  return 4 * Math.ceil(Math.max(1, ...parts.map((p) => p.tensors.length)) / 4);
}

/** Content of a persistent kernel's uniform buffer. @param offsetOf where a region begins */
export function stepTable(module: KernelModule, { steps }: Dispatch, offsetOf: (region: string) => number): number[] {
  const words = stepWords(module);
  return steps.flatMap(({ regions }) => [
    ...regions.map(offsetOf),
    ...new Array<number>(words - regions.length).fill(0),
  ]);
}

/** Bytes of a field as the device holds it: bytes stay packed. */
export function packedElements(type: FieldType, count: number): number {
  return type === 'u8' ? Math.ceil(count / 4) : count;
}

export const KERNEL_LIST = 'kernels/dispatches.txt';
export const modulePath = (id: string): string => `kernels/${id}.wgsl`;

/** Whether WGSL is for GPUs with `shader-f16` alone. */
export const multipliesHalves = (wgsl: string): boolean => wgsl.includes('enable f16;');

export function overlap(a: Region, b: Region): boolean {
  return a.arena === b.arena && a.offset < b.offset + b.elements && b.offset < a.offset + a.elements;
}

/** Access of a step of a persistent kernel to a region. */
export interface Touched {
  readonly region: Region;
  readonly writes: boolean;
}

/** Whether a later step has to wait for an earlier one. */
export const inTheWay = (before: Touched, now: Touched): boolean =>
  (before.writes || now.writes) && overlap(before.region, now.region);
