/** Pieces in a row cut into runs: neighbours stay together, and the heaviest run is as light as it can be. */

/**
 * @param work of pieces in the order of the row
 * @returns the part of every piece, each of 0 … parts - 1 used; undefined where there are fewer pieces than parts
 */
export function cutLine(work: Float64Array, parts: number): Int32Array | undefined {
  if (work.length < parts) return undefined;
  let low = work.reduce((most, w) => Math.max(most, w), 0);
  let high = work.reduce((sum, w) => sum + w, 0);
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (runsWithin(work, middle) <= parts) high = middle;
    else low = middle;
  }
  const part = new Int32Array(work.length);
  let current = 0;
  let filled = 0;
  for (let i = 0; i < work.length; i++) {
    const w = work[i] ?? 0;
    // Enough pieces have to be left for the parts that are still empty.
    const mustOpen = work.length - i <= parts - 1 - current;
    const full = filled > 0 && filled + w > high * (1 + 1e-12) && current < parts - 1;
    if (i > 0 && (mustOpen || full)) {
      current++;
      filled = 0;
    }
    filled += w;
    part[i] = current;
  }
  return part;
}

function runsWithin(work: Float64Array, bound: number): number {
  let runs = 1;
  let filled = 0;
  for (const w of work) {
    if (filled + w > bound && filled > 0) {
      runs++;
      filled = 0;
    }
    filled += w;
  }
  return runs;
}
