import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Watchdog } from '../../../runtime/net/watchdog.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('work that ends in time ends as it does alone, though much of it comes one after the other', async () => {
  const dog = new Watchdog(1000);
  for (let step = 0; step < 20; step++) {
    expect(await dog.watch(Promise.resolve(step))).toBe(step);
    vi.advanceTimersByTime(400);
  }
  await expect(dog.watch(Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(vi.getTimerCount()).toBe(1);
  dog.end();
  expect(vi.getTimerCount()).toBe(0);
});

test('work that does not end fails when its time is over, and what follows is watched anew', async () => {
  const dog = new Watchdog(1000);
  await dog.watch(Promise.resolve());
  vi.advanceTimersByTime(900);
  const late = dog.watch(new Promise(() => undefined));
  const failed = expect(late).rejects.toThrow('has not answered for 1 s');
  vi.advanceTimersByTime(999);
  const before = await Promise.race([late.catch(() => 'failed'), Promise.resolve('waits')]);
  expect(before).toBe('waits');
  vi.advanceTimersByTime(50);
  await failed;
  expect(await dog.watch(Promise.resolve(1))).toBe(1);
  dog.end();
});
