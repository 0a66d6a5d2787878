/** The manifest beside `cpu/NAME.onnx`: which tensor is which input, state and result. */
import { type FieldType, type ScalarExpr, type Shape, sizeOf } from './program.ts';

export interface CpuManifest {
  readonly function: string;
  /** Inputs `in:FIELD`, one batch each, or one part of a lane's share. */
  readonly fields: readonly { readonly field: string; readonly type: FieldType; readonly shape: Shape }[];
  /** Inputs by the names of states. */
  readonly states: readonly string[];
  /** Elements of the input `scalars`. */
  readonly scalars: readonly ScalarExpr[];
  /** Outputs, each a new value of a state, a result, or what a kernel reads. */
  readonly outputs: readonly ({ readonly output: string; readonly shape: Shape } & (
    | { readonly state: string }
    | { readonly result: string }
    | { readonly gradient: string }
  ))[];
  /** Inputs that kernels read from memory; the graph has no use of them. */
  readonly kernelFields: readonly { readonly field: string; readonly shape: Shape }[];
  /** Run behind the graph, in order, in place. */
  readonly kernels: readonly CpuKernel[];
  /** Inputs that the device makes of states and keeps until they change; absent where there are none. */
  readonly laidOut?: readonly LaidOut[];
  /** How often a lane runs it for its share of a batch, each time with the next samples; results add up. 1 when absent. */
  readonly parts?: number;
  /** Names of the graph's inputs, by state and by `in:FIELD`, where several shards share the graph. */
  readonly graphNames?: Readonly<Record<string, string>>;
}

/**
 * Of a matrix of which only some entries exist: `connections` is the state that places them, pages [2, n] of rows and
 * columns, an entry whose row is below zero does not exist.
 */
export type LaidOut = {
  /** The graph's input. */
  readonly input: string;
  readonly connections: string;
  /** Of the matrices: pages, rows, columns. */
  readonly shape: Shape;
} & (
  | { /** f32 of `shape`: the matrices, zero where no entry is. */ readonly kind: 'matrix'; readonly values: string }
  /** i32[pages * n]: the entries' places in the matrices, 0 for those that do not exist. */
  | { readonly kind: 'places' }
  /** f32[pages * n]: 1 for those that exist, else 0. */
  | { readonly kind: 'exist' }
);

/**
 * One function of `cpu/NAME.wasm` over tensors of the same size. Where it reads fields it has a twin under `pairExport`
 * that takes each of them as two parts, whose sum is the field.
 */
export interface CpuKernel {
  readonly export: string;
  readonly elements: number;
  readonly tensors: readonly (
    | { readonly state: string }
    | { readonly gradient: string }
    | { readonly field: string }
  )[];
  /** States that it overwrites. */
  readonly results: readonly string[];
  readonly scalars: readonly ScalarExpr[];
}

/** The twin of a kernel for fields in two parts. */
export const pairExport = (name: string): string => `${name}.pair`;

/** Kernels go over so many bytes at a time (a line of the cache): tensors begin at a multiple of it and are padded to one. */
export const CHUNK_BYTES = 64;

/**
 * Gradients of so many bytes are made one after the other, in tiles of about as many, each read by its kernels before the
 * next one is made.
 */
export const LARGE_GRADIENT_BYTES = 4 * 1024 * 1024;

/** Rows of a gradient. */
export interface RowTile {
  readonly from: number;
  readonly rows: number;
}

/** Kernels go over whole lines of the cache; a product of a row or two may add in another order. */
const MIN_ROWS = CHUNK_BYTES / 4;

/** The tiles of a gradient, of whole lines of the cache each but the last. @param bytes of a tile, about */
export function gradientTiles([rows = 1, columns = 1]: Shape, bytes = LARGE_GRADIENT_BYTES): RowTile[] {
  const fitting = Math.floor(bytes / (4 * columns));
  const height = Math.max(MIN_ROWS, fitting - (fitting % MIN_ROWS));
  const count = Math.max(1, Math.ceil((rows - MIN_ROWS + 1) / height));
  return Array.from({ length: count }, (_, i) => ({
    from: i * height,
    rows: i === count - 1 ? rows - i * height : height,
  }));
}

/** Elements of the largest tile. */
export function tileElements(shape: Shape, bytes?: number): number {
  return Math.max(...gradientTiles(shape, bytes).map(({ rows }) => sizeOf([rows, ...shape.slice(1)])));
}
