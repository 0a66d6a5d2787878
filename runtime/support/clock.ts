/**
 * Time for everything that waits, counts or expires: what the wall clock said when the process began, and what has
 * passed since by a clock that is never set. A wall clock that jumps is not seen, in no thread.
 */
import { performance } from 'node:perf_hooks';

const PROCESS_START = performance.timeOrigin;

/** Whole milliseconds since 1970. Never goes back. */
export function wallNow(): number {
  return Math.floor(PROCESS_START + performance.now());
}

/** Nanoseconds that all threads of this process count from the same moment; of no meaning to another process. */
export function monotonicNanoseconds(): bigint {
  return process.hrtime.bigint();
}
