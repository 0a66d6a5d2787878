/** The WGSL column of the operator table: a row without it does not compile. */
import { isOperator, type OperatorName } from '../../operators/table.ts';
import { elementwiseLowerings } from './elementwise.ts';
import type { WgslLowering } from './lowering.ts';
import { moveLowerings } from './moves.ts';
import { pageLowerings } from './pages.ts';
import { reductionLowerings } from './reductions.ts';
import { sparseLowerings } from './sparse.ts';
import { windowLowerings } from './windows.ts';

export const wgslLowerings: Readonly<Record<OperatorName, WgslLowering>> = {
  ...elementwiseLowerings,
  ...reductionLowerings,
  ...moveLowerings,
  ...windowLowerings,
  ...pageLowerings,
  ...sparseLowerings,
};

const COPY: WgslLowering = { kind: 'elementwise', write: ([x = '']) => x };
const PACK: WgslLowering = { kind: 'pack' };

/** Of an operator, of `copy` or of `pack`. */
export function loweringOf(op: string): WgslLowering {
  if (op === 'copy') return COPY;
  if (op === 'pack') return PACK;
  if (isOperator(op)) return wgslLowerings[op];
  throw new Error(`${op} is not an operator`);
}
