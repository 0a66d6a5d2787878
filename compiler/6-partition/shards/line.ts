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

/**
 * The same, with what the heaviest run leaves shared: of few pieces, all runs but the last would be filled to the brim.
 *
 * @returns as `cutLine`; the heaviest run is as light, and each ends nearest to an even share of what is left
 */
export function cutLineEvenly(work: Float64Array, parts: number): Int32Array | undefined {
  const filled = cutLine(work, parts);
  if (!filled) return undefined;
  const bound = heaviestOf(work, filled, parts) * (1 + 1e-12);
  const needed = runsNeeded(work, bound);
  const part = new Int32Array(work.length);
  let left = work.reduce((sum, w) => sum + w, 0);
  let [current, held, own] = [0, 0, 0];
  for (let i = 0; i < work.length; i++) {
    const w = work[i] ?? 0;
    const others = parts - 1 - current;
    const nearer = Math.abs(own - left / (others + 1)) <= Math.abs(own + w - left / (others + 1));
    const fits = others > 0 && (needed[i] as number) <= others;
    const mustOpen = work.length - i <= others;
    if (held > 0 && others > 0 && (mustOpen || own + w > bound || (fits && nearer))) {
      left -= own;
      [current, held, own] = [current + 1, 0, 0];
    }
    held++;
    own += w;
    part[i] = current;
  }
  return part;
}

function heaviestOf(work: Float64Array, part: Int32Array, parts: number): number {
  const sums = new Float64Array(parts);
  work.forEach((w, i) => {
    sums[part[i] as number] = (sums[part[i] as number] ?? 0) + w;
  });
  return sums.reduce((most, w) => Math.max(most, w), 0);
}

/** From each piece to the end of the row, the fewest runs within a bound. */
function runsNeeded(work: Float64Array, bound: number): Int32Array {
  const runs = new Int32Array(work.length + 1);
  let [end, sum] = [work.length, 0];
  for (let i = work.length - 1; i >= 0; i--) {
    sum += work[i] ?? 0;
    while (sum > bound && end > i + 1) sum -= work[--end] ?? 0;
    runs[i] = 1 + (runs[end] as number);
  }
  return runs;
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
