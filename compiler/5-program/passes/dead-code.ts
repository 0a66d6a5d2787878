/** Dead code: feedback into clamped nodes, unread energies, values that neither a weight nor a result needs. */
import type { Carry, Op, ProgramFunction } from '../../../spec/program.ts';

export function removeDeadCode(f: ProgramFunction): ProgramFunction {
  const live = new Set([...f.updates.map((u) => u.value), ...f.results.map((r) => r.value)]);
  const blocks = [...f.blocks].reverse().map((block) => {
    const kept = new Set<Carry>();
    const keep = (): boolean => {
      const before = kept.size;
      for (const carry of block.carries)
        if (!kept.has(carry) && (live.has(carry.result) || live.has(carry.id))) {
          kept.add(carry);
          live.add(carry.id);
          live.add(carry.next);
        }
      return kept.size > before;
    };
    keep();
    // What an operation reads stands before it; only a carry is read before its next value is made.
    do
      for (let i = block.ops.length - 1; i >= 0; i--) {
        const op = block.ops[i] as Op;
        if (live.has(op.id)) for (const arg of op.args) live.add(arg);
      }
    while (keep());
    for (const carry of kept) live.add(carry.init);
    return {
      ...block,
      carries: block.carries.filter((c) => kept.has(c)),
      scalars: block.scalars.filter((s) => live.has(s.id)),
      ops: block.ops.filter((op) => live.has(op.id)),
    };
  });
  const used = blocks.reverse().filter((b) => b.ops.length > 0 || b.carries.length > 0 || b.scalars.length > 0);
  return { ...f, blocks: used };
}
