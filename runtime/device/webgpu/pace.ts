/**
 * How often Dawn looks whether the GPU is done. In Node it does so in every turn of the event loop (its
 * `AsyncRunner::ScheduleProcessEvents` calls `setImmediate` for as long as a promise of its own is open), which takes a
 * processor for itself: one less for a processor that plays a GPU, and for whatever feeds a real one. Here it looks as
 * often for a moment, so that what is short is seen at once, and then in steps of a clock.
 */
import { performance } from 'node:perf_hooks';

/** Milliseconds of looking in every turn, from the last call that waits for the GPU. */
const AT_ONCE = 2;
/** Milliseconds between two looks afterwards: the least that a timer of Node knows. */
const BETWEEN = 1;

/** Calls of Dawn's that return a promise, by the class that has them: with one of them it begins to look. */
const WAITING: Readonly<Record<string, readonly string[]>> = {
  GPU: ['requestAdapter'],
  GPUAdapter: ['requestDevice'],
  GPUDevice: ['createComputePipelineAsync', 'popErrorScope'],
  GPUQueue: ['onSubmittedWorkDone'],
  GPUBuffer: ['mapAsync'],
  GPUShaderModule: ['getCompilationInfo'],
};

type Method = (this: unknown, ...given: unknown[]) => unknown;
export type DawnClasses = Readonly<Record<string, { readonly prototype: Record<string, unknown> } | undefined>>;

/** The clock's functions; a test has a clock of its own. */
export interface PaceClock {
  now(): number;
  readonly soon: (work: () => void) => unknown;
  readonly later: (work: () => void, milliseconds: number) => unknown;
}

const CLOCK: PaceClock = { now: () => performance.now(), soon: setImmediate, later: setTimeout };

/** Dawn looks `setImmediate` up at each call, and calls it only within its own: there alone it finds another one. */
export function paceDawn(classes: DawnClasses, clock: PaceClock = CLOCK): void {
  let begun = 0;
  const next = (look: () => void): void => {
    const again = (): void => within(look);
    if (clock.now() - begun < AT_ONCE) clock.soon(again);
    else clock.later(again, BETWEEN);
  };
  const within = <T>(call: () => T): T => {
    const usual = globalThis.setImmediate;
    globalThis.setImmediate = next as unknown as typeof setImmediate;
    try {
      return call();
    } finally {
      globalThis.setImmediate = usual;
    }
  };
  for (const [name, methods] of Object.entries(WAITING)) {
    const prototype = classes[name]?.prototype;
    for (const method of methods) {
      const plain = prototype?.[method];
      if (!prototype || typeof plain !== 'function') continue;
      prototype[method] = function (this: unknown, ...given: unknown[]): unknown {
        begun = clock.now();
        return within(() => (plain as Method).apply(this, given));
      };
    }
  }
}
