/** Dead code: feedback into clamped nodes, energies that nobody reads, values that no weight and no result needs. */
import type { ProgramFunction } from '../../../spec/program.ts';

export function removeDeadCode(f: ProgramFunction): ProgramFunction {
  const live = new Set([...f.updates.map((u) => u.value), ...f.results.map((r) => r.value)]);
  const blocks = [...f.blocks].reverse().map((block) => {
    const inside = new Map(block.carries.map((c) => [c.id, c]));
    const kept = new Set(block.carries.filter((c) => live.has(c.result)));
    const made = new Map(block.ops.map((op) => [op.id, op]));
    const seen = new Set<string>();
    const waiting: string[] = [];
    const want = (id: string): void => {
      if (seen.has(id)) return;
      seen.add(id);
      waiting.push(id);
    };
    for (const op of block.ops) if (live.has(op.id)) want(op.id);
    for (const carry of kept) want(carry.next);
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      live.add(id);
      for (const arg of made.get(id)?.args ?? []) want(arg);
      const carry = inside.get(id);
      if (carry === undefined) continue;
      kept.add(carry);
      want(carry.next);
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
