/** How fast something grows, by all that was seen of it: each look may be late by as much as a heartbeat. */

/** When, and how much by then. */
export type Point = readonly [time: number, amount: number];

/**
 * @param spans in which it grew, of two points at least, at unlike times; what it did in between does not count
 * @returns how much more for each unit of time: the slope that lines through all spans share, nearest to all points
 *   (least squares)
 */
export function slopeOf(spans: readonly (readonly Point[])[]): number {
  let [both, squares] = [0, 0];
  for (const points of spans) {
    const [time, amount] = [meanOf(points.map(([at]) => at)), meanOf(points.map(([, much]) => much))];
    for (const [at, much] of points) {
      both += (at - time) * (much - amount);
      squares += (at - time) ** 2;
    }
  }
  return both / squares;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
