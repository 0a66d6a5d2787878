/** Draws in a separate thread, from the last sheet to the first, so that a reader in order meets it half way. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

/** Everything that two threads need to draw the same sheets into the same memory. */
export interface Sheets {
  readonly seed: number;
  /** The stream of random numbers. */
  readonly stream: string;
  readonly rotated: boolean;
  /** SIDE × SIDE bytes each. */
  readonly images: Uint8Array;
  /** By sheet, 1 when it is there. Two threads may draw one sheet at once: both write the same bytes. */
  readonly drawn: Uint8Array;
  /** How many of the first are to be drawn; all when absent. */
  readonly needed?: number;
}

/** Fewer are drawn before a thread has started. */
const MIN_DRAWN = 2_000;
/** From source there is nothing that a thread could load. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

export function drawAhead(sheets: Sheets, needed: number): void {
  if (FROM_SOURCE || needed < MIN_DRAWN || availableParallelism() < 2) return;
  const worker = new Worker(new URL('./draw-thread.js', import.meta.url), { workerData: { ...sheets, needed } });
  worker.unref();
  // Without it everything is drawn where it is asked for.
  worker.on('error', () => undefined);
}
