/**
 * Buffer reuse: every operation gets a slot, and operations whose results are never alive together share one. A linear
 * scan over the blocks; what a repeated body reads from outside stays alive until its last iteration.
 */
import { type Op, type ProgramFunction, sizeOf } from '../../../spec/program.ts';

export function assignSlots(f: ProgramFunction): ProgramFunction {
  const lastUse = lastUses(f);
  const free = new Map<number, number[]>();
  const alive: { slot: number; size: number; until: number }[] = [];
  let count = 0;
  let position = 0;
  const release = (): void => {
    for (let i = alive.length - 1; i >= 0; i--) {
      const held = alive[i];
      if (!held || held.until >= position) continue;
      free.set(held.size, [...(free.get(held.size) ?? []), held.slot]);
      alive.splice(i, 1);
    }
  };
  const blocks = f.blocks.map((block) => {
    const ops = block.ops.map((op): Op => {
      release();
      const size = sizeOf(op.shape);
      const slot = free.get(size)?.pop() ?? count++;
      alive.push({ slot, size, until: lastUse.get(op.id) ?? position });
      position++;
      return { ...op, slot };
    });
    position++; // the carries change here
    return { ...block, ops };
  });
  return { ...f, blocks };
}

/** Position of the last operation (or end of a block) that reads each value. */
function lastUses(f: ProgramFunction): Map<string, number> {
  const last = new Map<string, number>();
  let position = 0;
  for (const block of f.blocks) {
    const begin = position;
    const end = begin + block.ops.length;
    const own = new Set(block.ops.map((op) => op.id));
    for (const op of block.ops) {
      for (const arg of op.args) last.set(arg, block.repeat > 1 && !own.has(arg) ? end : position);
      position++;
    }
    for (const carry of block.carries) {
      last.set(carry.next, end);
      last.set(carry.init, Math.max(last.get(carry.init) ?? 0, end));
    }
    position++;
  }
  for (const { value } of [...f.updates, ...f.results]) last.set(value, position);
  return last;
}

/** Elements held at once, with and without reuse. */
export function slotMemory(f: ProgramFunction): { slots: number; elements: number; withoutReuse: number } {
  const sizes = new Map<number, number>();
  let withoutReuse = 0;
  for (const block of f.blocks)
    for (const op of block.ops) {
      withoutReuse += sizeOf(op.shape);
      if (op.slot !== undefined) sizes.set(op.slot, sizeOf(op.shape));
    }
  return { slots: sizes.size, elements: [...sizes.values()].reduce((a, b) => a + b, 0), withoutReuse };
}
