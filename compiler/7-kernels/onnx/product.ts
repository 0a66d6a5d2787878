/** Products: Gemm for matrices, FusedMatMul (of com.microsoft) where leading axes remain. */
import type { Op } from '../../../spec/program.ts';
import type { OnnxEmitter } from './emitter.ts';

export function emitProduct(op: Op, e: OnnxEmitter): void {
  const ta = op.attributes.ta === true ? 1 : 0;
  const tb = op.attributes.tb === true ? 1 : 0;
  const [a, b] = op.args as [string, string];
  if (e.shapeOf(a).length === 2 && e.shapeOf(b).length === 2) e.node('Gemm', [a, b], { transA: ta, transB: tb }, op.id);
  else if (ta === 0 && tb === 0) e.node('MatMul', [a, b], {}, op.id);
  else e.node('FusedMatMul', [a, b], { transA: ta, transB: tb }, op.id, 'com.microsoft');
}
