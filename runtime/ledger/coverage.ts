/** Calls of one shard that were paid: each is paid once, even where several trainers have made it after the run went back. */

/** Disjoint, in order; each from its first call to the one behind its last. */
export type Coverage = readonly (readonly [from: number, to: number])[];

/** Parts of a stretch that no interval covers. */
export function uncovered(coverage: Coverage, from: number, to: number): Coverage {
  const parts: [number, number][] = [];
  let at = from;
  for (const [begin, end] of coverage) {
    if (end <= at) continue;
    if (begin >= to) break;
    if (begin > at) parts.push([at, begin]);
    at = end;
  }
  if (at < to) parts.push([at, to]);
  return parts;
}

/** With a stretch more. Neighbours become one, so that a run in order has one interval. */
export function covering(coverage: Coverage, from: number, to: number): Coverage {
  const before = coverage.filter(([, end]) => end < from);
  const behind = coverage.filter(([begin]) => begin > to);
  const touching = coverage.filter(([begin, end]) => end >= from && begin <= to);
  const begin = Math.min(from, ...touching.map(([b]) => b));
  const end = Math.max(to, ...touching.map(([, e]) => e));
  return [...before, [begin, end], ...behind];
}
