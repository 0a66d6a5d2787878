/**
 * Kernels: a program as a device with many small processors runs it. Each function is a list of dispatches, in order,
 * over regions of a few large buffers (arenas); each dispatch runs one WGSL module. `kernel-text.ts` prints and parses
 * it, `kernel-verify.ts` says whether it can be trusted.
 */
import type { FieldType, ScalarExpr, Shape } from './program.ts';

/** Regions begin at multiples of this many elements: the 256 bytes that every adapter can bind at. */
export const REGION_ALIGNMENT = 64;
/** Buffers that one kernel may bind: what every WebGPU adapter offers. */
export const MOST_BINDINGS = 8;
/** Groups along one direction of a dispatch: what every WebGPU adapter offers. */
export const MOST_GROUPS = 65535;
/** Numbers of the host in one dispatch, and tensors that share a buffer: 256 bytes of them. */
export const MOST_SCALARS = 64;

/** One buffer of the device, in elements of four bytes. */
export interface Arena {
  readonly name: string;
  readonly elements: number;
}

/** Where a tensor lies. Names of the program: states, values, `field:NAME` for what the host writes. */
export interface Region {
  readonly name: string;
  readonly arena: string;
  /** In elements of four bytes. */
  readonly offset: number;
  readonly elements: number;
}

export interface KernelBinding {
  /** As the module calls it. */
  readonly name: string;
  /** `update`: each element is read, then written. */
  readonly access: 'read' | 'write' | 'update';
  /** Lies in the one buffer that all such tensors of a dispatch share: a kernel may name more tensors than it may bind. */
  readonly shared?: true;
}

/** One WGSL module, in the plan as `kernels/ID.wgsl`; its entry is `main`. */
export interface KernelModule {
  /** Kind and hash: `product-1f0a3b9c44d2`. */
  readonly id: string;
  /**
   * Bindings 0, 1, … of group 0, storage buffers; behind them the buffer of the shared ones, a uniform of `scalars`
   * numbers, and one with the place of each shared tensor, in elements; each where there is any.
   */
  readonly bindings: readonly KernelBinding[];
  readonly scalars: number;
}

export interface Dispatch {
  readonly module: string;
  readonly groups: readonly [number, number, number];
  /** Overrides of the module: sizes. */
  readonly constants: Readonly<Record<string, number>>;
  /** Regions by name, one for each binding. */
  readonly regions: readonly string[];
  /** Index into the function's `scalars`. */
  readonly scalars?: number;
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

export interface KernelFunction {
  readonly name: string;
  readonly batch: number;
  readonly inputs: readonly KernelInput[];
  readonly regions: readonly Region[];
  /** What the host works out before a run, in f64. */
  readonly scalars: readonly (readonly ScalarExpr[])[];
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

/** Bytes of a field as the device holds it: bytes stay packed. */
export function packedElements(type: FieldType, count: number): number {
  return type === 'u8' ? Math.ceil(count / 4) : count;
}

export const KERNEL_LIST = 'kernels/dispatches.txt';
export const modulePath = (id: string): string => `kernels/${id}.wgsl`;
