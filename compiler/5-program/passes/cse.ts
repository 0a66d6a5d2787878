/** Common subexpressions: what was computed already, here or in a block before, is not computed again. */
import type { Op, ProgramFunction } from '../../../spec/program.ts';
import { attributesKey } from '../builder.ts';
import { substitute, withArguments } from './definitions.ts';

const commutative = new Set(['add', 'mul', 'max', 'min', 'equal']);

export function commonSubexpressions(f: ProgramFunction): ProgramFunction {
  const replace = new Map<string, string>();
  const outside = new Map<string, string>();
  const blocks = f.blocks.map((block) => {
    // A repeated body sees what stands before it; what it makes is not visible behind it.
    const seen = block.repeat === 1 && block.carries.length === 0 ? outside : new Map(outside);
    const ops: Op[] = [];
    for (const old of block.ops) {
      const op = replace.size > 0 ? withArguments(old, (a) => replace.get(a) ?? a) : old;
      const key = keyOf(op);
      const known = seen.get(key);
      if (known === undefined) {
        seen.set(key, op.id);
        ops.push(op);
      } else replace.set(op.id, known);
    }
    return { ...block, ops };
  });
  return substitute({ ...f, blocks }, replace);
}

function keyOf(op: Op): string {
  const args = commutative.has(op.op) ? [...op.args].sort() : op.args;
  return `${op.op}(${args.join(',')})${attributesKey(op.attributes)}`;
}
