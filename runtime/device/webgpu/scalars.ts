/** Numbers that the host works out before a run, in f64, and writes all at once. */
import type { KernelScalars } from '../../../spec/kernels.ts';
import type { ScalarExpr } from '../../../spec/program.ts';
import { evaluateScalar } from '../../../spec/scalars.ts';
import type { Position } from '../device.ts';

/** Part of a buffer, in bytes. */
export interface Stretch {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** The numbers that are worked out before a run, and where they go together. */
export interface Scalars {
  readonly to: Stretch;
  readonly blocks: readonly { readonly at: number; readonly values: readonly ScalarExpr[] }[];
}

/** All blocks of a function lie behind each other: they are written at once. */
export function planScalars(scalars: readonly KernelScalars[], stretch: (region: string) => Stretch): Scalars {
  const places = scalars.map(({ region }) => stretch(region));
  const first = Math.min(...places.map((p) => p.offset));
  const end = Math.max(...places.map((p) => p.offset + p.size));
  const blocks = scalars.map(({ values }, i) => ({ at: ((places[i]?.offset ?? first) - first) / 4, values }));
  return { to: { buffer: stretch(scalars[0]?.region ?? '').buffer, offset: first, size: end - first }, blocks };
}

export function scalarValues({ to, blocks }: Scalars, position: Position): Float32Array<ArrayBuffer> {
  const numbers = new Float32Array(to.size / 4);
  const scope = { ...position, tick: position.tick ?? 0 };
  for (const { at, values } of blocks)
    values.forEach((expr, i) => {
      numbers[at + i] = evaluateScalar(expr, scope);
    });
  return numbers;
}
