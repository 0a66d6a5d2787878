/** Time that a hypervisor gives to other virtual machines while this one wants to run: Linux counts it. */
import { readFileSync } from 'node:fs';

/** The eighth number of `/proc/stat`'s first line (proc(5)); the ninth and tenth are counted in the first two. */
const STEAL = 7;

/** @param stat text of `/proc/stat` */
export function processorTicks(stat: string): { readonly stolen: number; readonly all: number } {
  const [, ...ticks] = (stat.split('\n')[0] ?? '').trim().split(/\s+/);
  const counted = ticks.slice(0, STEAL + 1).map(Number);
  return { stolen: counted[STEAL] ?? 0, all: counted.reduce((a, b) => a + b, 0) };
}

/** @returns the share of the processors' time that was stolen since this call; 0 where nobody counts it */
export function watchStolen(): () => number {
  const read = (): { readonly stolen: number; readonly all: number } => {
    try {
      return processorTicks(readFileSync('/proc/stat', 'utf8'));
    } catch {
      return { stolen: 0, all: 0 };
    }
  };
  const first = read();
  return () => {
    const now = read();
    return (now.stolen - first.stolen) / Math.max(1, now.all - first.all);
  };
}
