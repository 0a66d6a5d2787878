/**
 * Buffer reuse: every operation gets a slot, and operations whose results are never alive together share one. A linear
 * scan over the blocks; what a repeated body reads from outside stays alive until its last iteration.
 */
import { append } from '../../../spec/append.ts';
import { type Op, type ProgramFunction, sizeOf } from '../../../spec/program.ts';

export function assignSlots(f: ProgramFunction): ProgramFunction {
  const lastUse = lastUses(f);
  const free = new Map<number, number[]>();
  /** By the position of the last reader, in the order in which they were made. */
  const alive = new Map<number, Held[]>();
  let count = 0;
  let position = 0;
  let made = 0;
  let released = 0;
  const release = (): void => {
    const ended: Held[] = [];
    for (; released < position; released++) {
      ended.push(...(alive.get(released) ?? []));
      alive.delete(released);
    }
    ended.sort((a, b) => b.made - a.made);
    for (const { size, slot } of ended) append(free, size, slot);
  };
  const blocks = f.blocks.map((block) => {
    const ops = block.ops.map((op): Op => {
      release();
      const size = sizeOf(op.shape);
      const slot = free.get(size)?.pop() ?? count++;
      append(alive, lastUse.get(op.id) ?? position, { slot, size, made: made++ });
      position++;
      return { ...op, slot };
    });
    position++; // the carries change here
    return { ...block, ops };
  });
  return { ...f, blocks };
}

interface Held {
  readonly slot: number;
  readonly size: number;
  readonly made: number;
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
