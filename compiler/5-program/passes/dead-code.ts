/** Dead code: feedback into clamped nodes, energies that nobody reads, values that no weight and no result needs. */
import type { ProgramFunction } from '../../../spec/program.ts';

export function removeDeadCode(f: ProgramFunction): ProgramFunction {
  const live = new Set([...f.updates.map((u) => u.value), ...f.results.map((r) => r.value)]);
  const blocks = [...f.blocks].reverse().map((block) => {
    const inside = new Map(block.carries.map((c) => [c.id, c]));
    const kept = new Set(block.carries.filter((c) => live.has(c.result)));
    for (;;) {
      const before = kept.size;
      for (const carry of kept) live.add(carry.next);
      for (let i = block.ops.length - 1; i >= 0; i--) {
        const op = block.ops[i];
        if (op && live.has(op.id)) for (const arg of op.args) live.add(arg);
      }
      for (const [id, carry] of inside) if (live.has(id)) kept.add(carry);
      if (kept.size === before) break;
    }
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
