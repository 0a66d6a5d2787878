/** Which programs are so short that a trainer runs them where its frames come and go, with no thread in between. */
import { countWork, type Work } from '../../../compiler/5-program/cost.ts';
import type { Program } from '../../../spec/program.ts';

/** The largest runs that hold up the thread that has the sockets. */
interface ShortRuns {
  readonly flops: number;
  readonly bytes: number;
}

/** A millisecond or two: two threads that wake each other would take as long. */
const BESIDE_THREADS: ShortRuns = { flops: 1e8, bytes: 16e6 };
/** A tenth of a second or two: on one core a thread beside it would have to wait all the same. */
const ON_ONE_CORE: ShortRuns = { flops: 5e9, bytes: 5e8 };

/**
 * Counted over what the program does: the plan of a stranger says nothing of it.
 * @param cores that the process may use
 */
export function isShort(program: Program, cores = 2): boolean {
  return areShort(
    program.functions.map((f) => countWork(program, f)),
    cores,
  );
}

/** Of all runs of a program. */
export function areShort(runs: Iterable<Pick<Work, 'flops' | 'bytes' | 'valueBytes'>>, cores = 2): boolean {
  const most = cores === 1 ? ON_ONE_CORE : BESIDE_THREADS;
  return [...runs].every(({ flops, bytes, valueBytes }) => flops <= most.flops && bytes + valueBytes <= most.bytes);
}
