/**
 * Where nodes are cut for so many shards: their work lies on a line, and the line is cut at every share. So tiles are
 * as large as they can be, no shard's share is missed by more than a unit's work, and there are few of them.
 */
import type { Graph } from '../../4-graph/graph.ts';
import type { Tiling } from './tiling.ts';

/**
 * @param most tiles of each node @param work of every node, both in the graph's order
 * @returns nothing where there are not so many parts
 */
export function chooseTiling(
  graph: Graph,
  most: readonly number[],
  work: Float64Array,
  shards: number,
): Tiling | undefined {
  if (most.reduce((a, b) => a + b, 0) < shards) return undefined;
  const units = graph.nodes.map((node, i) => ({ name: node.name, count: most[i] ?? 1, work: work[i] ?? 0 }));
  let share = shareOf(units, shards);
  let tiling = cutAtShares(units, share);
  // Rounding to units may leave too few parts: smaller shares make more.
  for (let i = 0; i < 200 && partsOf(units, tiling) < shards; i++) {
    share *= 0.93;
    tiling = cutAtShares(units, share);
  }
  for (const unit of [...units].sort((a, b) => b.work - a.work)) {
    const missing = shards - partsOf(units, tiling);
    if (missing <= 0) break;
    const now = (tiling.get(unit.name)?.length ?? 2) - 1;
    const count = Math.min(unit.count, now + missing);
    if (count > now) tiling.set(unit.name, evenly(unit.count, count));
  }
  return tiling;
}

interface Units {
  readonly name: string;
  /** Units that may be cut apart. */
  readonly count: number;
  readonly work: number;
}

/** The share of each shard when the pieces that cannot be cut are larger than an even share. */
function shareOf(units: readonly Units[], shards: number): number {
  let left = shards;
  let work = units.reduce((sum, u) => sum + u.work, 0);
  const large = new Set<Units>();
  for (let changed = true; changed && left > 0; ) {
    changed = false;
    for (const unit of units)
      if (unit.count === 1 && !large.has(unit) && left > 1 && unit.work > work / left) {
        large.add(unit);
        work -= unit.work;
        left--;
        changed = true;
      }
  }
  return work / Math.max(1, left);
}

function cutAtShares(units: readonly Units[], share: number): Map<string, number[]> {
  const tiling = new Map<string, number[]>();
  let filled = 0;
  for (const { name, count, work } of units) {
    if (count === 1 || work === 0) {
      filled = (filled + work) % share;
      continue;
    }
    const each = work / count;
    const offsets = [0];
    let at = 0;
    for (;;) {
      const room = Math.max(1, Math.round((share - filled) / each));
      if (at + room >= count) {
        filled += (count - at) * each;
        if (filled >= share - each / 2) filled = 0;
        break;
      }
      at += room;
      offsets.push(at);
      filled = 0;
    }
    if (offsets.length > 1) tiling.set(name, [...offsets, count]);
  }
  return tiling;
}

function partsOf(units: readonly Units[], tiling: Tiling): number {
  return units.reduce((sum, u) => sum + Math.max(1, (tiling.get(u.name)?.length ?? 2) - 1), 0);
}

function evenly(size: number, count: number): number[] {
  return Array.from({ length: count + 1 }, (_, i) => Math.round((i * size) / count));
}
