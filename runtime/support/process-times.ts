/** The times of a shard's ticks in a process of Node, whose own work and garbage collection are known. */
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { createLog, debugLevel } from './log.ts';
import { NO_TICK_TIMES, type ProcessTimes, TickTimes } from './tick-times.ts';

let collecting: number | undefined;

/** Of one shard of this process, as the environment says. @param name for people */
export function tickTimes(name: string): TickTimes {
  const { shows, debug } = createLog(debugLevel());
  if (!shows('messages')) return NO_TICK_TIMES;
  watchCollections();
  return new TickTimes(true, name, (line) => debug('messages', line), processTimes);
}

function watchCollections(): void {
  if (collecting !== undefined) return;
  collecting = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) collecting = (collecting ?? 0) + duration;
  }).observe({ entryTypes: ['gc'] });
}

function processTimes(): ProcessTimes {
  const { user, system } = process.cpuUsage();
  return {
    processor: (user + system) / 1000,
    now: performance.now(),
    active: performance.eventLoopUtilization().active,
    collecting: collecting ?? 0,
  };
}
