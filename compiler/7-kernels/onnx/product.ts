/**
 * Products: Gemm for matrices; where leading axes remain FusedMatMul (of com.microsoft), or, of standard operators
 * alone, MatMul of what was transposed.
 */
import type { Op } from '../../../spec/program.ts';
import type { OnnxEmitter } from './emitter.ts';

export function emitProduct(op: Op, e: OnnxEmitter): void {
  const ta = op.attributes.ta === true ? 1 : 0;
  const tb = op.attributes.tb === true ? 1 : 0;
  const [a, b] = op.args as [string, string];
  if (e.shapeOf(a).length === 2 && e.shapeOf(b).length === 2) e.node('Gemm', [a, b], { transA: ta, transB: tb }, op.id);
  else if (ta === 0 && tb === 0) e.node('MatMul', [a, b], {}, op.id);
  else if (e.standard) e.node('MatMul', [ta === 1 ? turned(a, e) : a, tb === 1 ? turned(b, e) : b], {}, op.id);
  else e.node('FusedMatMul', [a, b], { transA: ta, transB: tb }, op.id, 'com.microsoft');
}

/** The last two axes exchanged. */
function turned(id: string, e: OnnxEmitter): string {
  const rank = e.shapeOf(id).length;
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  return e.once(`turned ${id}`, () => e.node('Transpose', [id], { perm: [...perm.slice(0, -2), rank - 1, rank - 2] }));
}
