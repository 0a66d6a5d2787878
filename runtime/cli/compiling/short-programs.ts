/** Programs of which every run is short: a trainer's own thread does them, where its frames come and go. */
import { countWork } from '../../../compiler/5-program/cost.ts';
import type { Program } from '../../../spec/program.ts';

/** A run of so little takes a millisecond or two. */
const MAX_SHORT_FLOPS = 1e8;
const MAX_SHORT_BYTES = 16e6;

/** Counted over what the program does: a stranger's plan says nothing of it. */
export function isShort(program: Program): boolean {
  return program.functions.every((f) => {
    const { flops, bytes, valueBytes } = countWork(program, f);
    return flops <= MAX_SHORT_FLOPS && bytes + valueBytes <= MAX_SHORT_BYTES;
  });
}
