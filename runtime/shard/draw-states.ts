/**
 * First values of large models are drawn in a thread of their own while the compiler is at work: which tensors there
 * are is known long before the program is.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type State, sizeOf } from '../../spec/program.ts';

/** Values by the id of their state. A state that is missing is drawn where it is needed. */
export type Drawn = ReadonlyMap<string, Float32Array>;

export interface Drawing {
  readonly seed: number;
  readonly states: readonly State[];
}

/** Fewer are drawn before a thread has started. */
const MIN_DRAWN = 1_000_000;
/** From source there is nothing that a thread could load. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

/** Begins to draw the first values of `states`; they are the same as `initialValues` gives. */
export function drawStates(states: readonly State[], seed: number): Promise<Drawn> {
  const drawn = new Map<string, Float32Array>();
  const random = states.filter(({ init: { kind } }) => kind === 'uniform' || kind === 'normal' || kind === 'thinned');
  const count = random.reduce((sum, s) => sum + sizeOf(s.shape), 0);
  if (FROM_SOURCE || count < MIN_DRAWN || availableParallelism() < 2) return Promise.resolve(drawn);
  const drawing: Drawing = { seed, states: random };
  const worker = new Worker(new URL('./draw-states-thread.js', import.meta.url), { workerData: drawing });
  worker.unref();
  return new Promise((resolve) => {
    worker.on('message', (values: Float32Array[]) => {
      for (const value of values) drawn.set((random[drawn.size] as State).id, value);
    });
    // Without it the rest is drawn where it is needed.
    worker.on('error', () => resolve(drawn));
    worker.on('exit', () => resolve(drawn));
  });
}
