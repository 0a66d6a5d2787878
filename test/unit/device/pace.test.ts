/** Dawn looks for the end of its work in every turn of the event loop only for a moment, and nobody else notices. */
import { expect, test } from 'vitest';
import { paceDawn } from '../../../runtime/device/webgpu/pace.ts';

test('a wait looks soon at first, then by the clock, until there is nothing to wait for', () => {
  let time = 0;
  let open = 0;
  const calls: string[] = [];
  const queued: (() => void)[] = [];
  // As Dawn's binding: looks again for as long as something is open, by what is called setImmediate just then.
  const look = (): void => {
    if (open > 0) globalThis.setImmediate(look);
  };
  class GPUBuffer {
    mapAsync(mode: number): string {
      open++;
      globalThis.setImmediate(look);
      return `mapped ${mode}`;
    }
  }
  const clock = {
    now: () => time,
    soon: (work: () => void) => calls.push('soon') && queued.push(work),
    later: (work: () => void, milliseconds: number) => calls.push(`in ${milliseconds}`) && queued.push(work),
  };
  paceDawn({ GPUBuffer: GPUBuffer as never }, clock);
  const usual = globalThis.setImmediate;
  expect(new GPUBuffer().mapAsync(1)).toBe('mapped 1');
  expect(globalThis.setImmediate).toBe(usual);
  for (; time < 5; time++) queued.shift()?.();
  open = 0;
  queued.shift()?.();
  expect(calls).toEqual(['soon', 'soon', 'soon', 'in 1', 'in 1', 'in 1']);
  expect(queued).toEqual([]);
  expect(globalThis.setImmediate).toBe(usual);
});

test('an error of a call passes through, and setImmediate is as before', () => {
  class GPUQueue {
    onSubmittedWorkDone(): void {
      throw new Error('lost');
    }
  }
  paceDawn({ GPUQueue: GPUQueue as never });
  const usual = globalThis.setImmediate;
  expect(() => new GPUQueue().onSubmittedWorkDone()).toThrow('lost');
  expect(globalThis.setImmediate).toBe(usual);
});
