/** Neighbouring blocks of straight code as one, so that only real loops begin and end a stage. */
import type { Block, ProgramFunction, ScalarExpr } from '../../../spec/program.ts';
import { dependsOn, evaluateScalar } from '../../../spec/scalars.ts';

export function isLoop(block: Block): boolean {
  return block.repeat > 1 || block.carries.length > 0;
}

export function joinStraight(f: ProgramFunction): ProgramFunction {
  const blocks: Block[] = [];
  for (const block of f.blocks) {
    const before = blocks.at(-1);
    if (isLoop(block)) blocks.push(block);
    else if (!before || isLoop(before)) blocks.push(settled(block));
    else {
      const { scalars, ops } = settled(block);
      blocks[blocks.length - 1] = {
        ...before,
        scalars: [...before.scalars, ...scalars],
        ops: [...before.ops, ...ops],
      };
    }
  }
  return { ...f, blocks };
}

/** Its scalars no longer depend on where the block stands; slots are given anew when the function is cut. */
function settled(block: Block): Block {
  return { ...block, scalars: block.scalars.map((s) => ({ ...s, expr: atTick(s.expr, block.firstTick) })) };
}

export function atTick(expr: ScalarExpr, tick: number): ScalarExpr {
  if (!dependsOn(expr, 'tick')) return expr;
  if (typeof expr !== 'object') return tick;
  const args = expr.args.map((a) => atTick(a, tick));
  if (args.every((a) => typeof a === 'number'))
    return evaluateScalar({ op: expr.op, args }, { batch: 0, batches: 0, tick });
  return { op: expr.op, args };
}
