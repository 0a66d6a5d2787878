/**
 * Products: Gemm for matrices; where leading axes remain FusedMatMul (of com.microsoft), or, of standard operators
 * alone, MatMul of what was transposed.
 */
import type { Op } from '../../../spec/program.ts';
import type { OnnxEmitter } from './emitter.ts';

/** Aᵀ B of so few columns, and many rows, takes longer than Bᵀ A and its transpose: 1.5 to 1.2 (measured, 8 and 16 of 128). */
const NARROW = 16;

function isNarrow({ shape }: Op): boolean {
  const [rows = 0, columns = 0] = shape.slice(-2);
  return columns <= NARROW && rows >= 8 * columns;
}

export function emitProduct(op: Op, e: OnnxEmitter): void {
  const ta = op.attributes.ta === true ? 1 : 0;
  const tb = op.attributes.tb === true ? 1 : 0;
  const [a, b] = op.args as [string, string];
  if (e.shapeOf(a).length === 2 && e.shapeOf(b).length === 2) e.node('Gemm', [a, b], { transA: ta, transB: tb }, op.id);
  else if (ta === 0 && tb === 0) e.node('MatMul', [a, b], {}, op.id);
  else if (ta === 1 && tb === 0 && !e.standard && isNarrow(op)) {
    const turned = e.node('FusedMatMul', [b, a], { transA: 1, transB: 0 }, undefined, 'com.microsoft');
    e.node('Transpose', [turned], { perm: lastTwoExchanged(op.shape.length) }, op.id);
  } else if (e.standard) e.node('MatMul', [ta === 1 ? turned(a, e) : a, tb === 1 ? turned(b, e) : b], {}, op.id);
  else e.node('FusedMatMul', [a, b], { transA: ta, transB: tb }, op.id, 'com.microsoft');
}

/** The last two axes exchanged. */
function turned(id: string, e: OnnxEmitter): string {
  return e.once(`turned ${id}`, () => e.node('Transpose', [id], { perm: lastTwoExchanged(e.shapeOf(id).length) }));
}

function lastTwoExchanged(rank: number): number[] {
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  return [...perm.slice(0, -2), rank - 1, rank - 2];
}
