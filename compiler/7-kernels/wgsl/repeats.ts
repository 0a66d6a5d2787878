/** Repetitions in a sequence, such as ticks. */

/** `period` items from `first` on, which come `times` times one after the other. */
export interface Stretch {
  readonly first: number;
  readonly period: number;
  readonly times: number;
}

/** Items of a tick, at most. */
const MAX_PERIOD = 64;

/** All of a sequence in order: at each place the repetition that says most at once. */
export function repeats(items: readonly unknown[]): Stretch[] {
  const found: Stretch[] = [];
  for (let first = 0; first < items.length; ) {
    let best: Stretch = { first, period: 1, times: 1 };
    for (let period = 1; period <= Math.min(MAX_PERIOD, (items.length - first) / 2); period++) {
      const times = timesOf(items, first, period);
      if ((times - 1) * period > (best.times - 1) * best.period) best = { first, period, times };
    }
    found.push(best);
    first += best.period * best.times;
  }
  return found;
}

function timesOf(items: readonly unknown[], first: number, period: number): number {
  let end = first + period;
  while (end < items.length && items[end] === items[end - period]) end++;
  return Math.floor((end - first) / period);
}

/**
 * Stretches together, in order, where one group has no more than so many items written down, and no more than so many
 * in all; a repetition that is too long is cut between two times.
 */
export function inGroups(stretches: readonly Stretch[], mostWritten: number, most: number): Stretch[][] {
  const groups: Stretch[][] = [[]];
  let written = 0;
  let all = 0;
  for (const stretch of stretches.flatMap((s) => cut(s, most))) {
    const { period, times } = stretch;
    if (written > 0 && (written + period > mostWritten || all + period * times > most)) {
      groups.push([]);
      written = 0;
      all = 0;
    }
    groups.at(-1)?.push(stretch);
    written += period;
    all += period * times;
  }
  return groups;
}

function cut({ first, period, times }: Stretch, most: number): Stretch[] {
  const atOnce = Math.max(1, Math.floor(most / period));
  return Array.from({ length: Math.ceil(times / atOnce) }, (_, i) => ({
    first: first + i * atOnce * period,
    period,
    times: Math.min(atOnce, times - i * atOnce),
  }));
}
