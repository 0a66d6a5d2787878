/**
 * A pen on a small grid: paths become line segments, and each pixel keeps its distance to the nearest one. Only the
 * pixels around a segment are looked at, so the cost follows the ink. Only IEEE basic operations and the square root
 * are used: every machine draws the same bytes.
 */
export const SIDE = 28;
const PIXELS = SIDE * SIDE;
/** Line segments between two points of a path. */
const STEPS = 5;
/** Pixels farther from every stroke than the pen's reach hold this. */
const FAR = 1e6;

export class Painter {
  /** Distance to the nearest stroke minus its half width, in pixels: negative inside the ink. */
  readonly #depth = new Float64Array(PIXELS);
  #reach = 0;
  #softness = 0;

  /** A clean sheet for strokes of at most `halfWidth` with edges `softness` pixels wide. */
  clear(halfWidth: number, softness: number): void {
    this.#depth.fill(FAR);
    this.#reach = halfWidth + softness;
    this.#softness = softness;
  }

  /** Draws the smooth curve (Catmull and Rom) through `points`: x0, y0, x1, y1, … in pixels, with taper at its ends. */
  stroke(points: Float64Array, count: number, startWidth: number, endWidth: number): void {
    const spans = count - 1;
    for (let k = 0; k < spans; k++) {
      const before = 2 * Math.max(0, k - 1);
      const after = 2 * Math.min(count - 1, k + 2);
      let fromX = points[2 * k] as number;
      let fromY = points[2 * k + 1] as number;
      for (let step = 1; step <= STEPS; step++) {
        const t = step / STEPS;
        const toX = curve(points, before, 2 * k, 2 * k + 2, after, t);
        const toY = curve(points, before + 1, 2 * k + 1, 2 * k + 3, after + 1, t);
        const width = startWidth + ((endWidth - startWidth) * (k + t)) / spans;
        this.#segment(fromX, fromY, toX, toY, width);
        fromX = toX;
        fromY = toY;
      }
    }
  }

  /** Adds the ink to `sheet`, `ink` where it is full and falling to 0 over `softness` pixels at the edge. */
  ink(sheet: Float64Array, ink: number, softness: number): void {
    const depths = this.#depth;
    for (let p = 0; p < PIXELS; p++) {
      const depth = depths[p] as number;
      if (depth >= softness) continue;
      const share = depth <= -softness ? 1 : (softness - depth) / (2 * softness);
      const smooth = ink * (share * share * (3 - 2 * share));
      if (smooth > (sheet[p] as number)) sheet[p] = smooth;
    }
  }

  #segment(x0: number, y0: number, x1: number, y1: number, halfWidth: number): void {
    const dx = x1 - x0;
    const dy = y1 - y0;
    const squared = dx * dx + dy * dy;
    if (squared < 1e-12) return;
    const reach = this.#reach;
    const left = Math.max(0, Math.ceil(Math.min(x0, x1) - reach));
    const right = Math.min(SIDE - 1, Math.floor(Math.max(x0, x1) + reach));
    const top = Math.max(0, Math.ceil(Math.min(y0, y1) - reach));
    const bottom = Math.min(SIDE - 1, Math.floor(Math.max(y0, y1) + reach));
    const inverse = 1 / squared;
    const depths = this.#depth;
    // Beyond the soft edge there is no ink; a little farther, so that rounding decides nothing.
    const edge = halfWidth + this.#softness;
    const beyond = edge * edge * 1.000001;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const along = ((x - x0) * dx + (y - y0) * dy) * inverse;
        const within = along < 0 ? 0 : Math.min(along, 1);
        const awayX = x - x0 - within * dx;
        const awayY = y - y0 - within * dy;
        const away = awayX * awayX + awayY * awayY;
        if (away >= beyond) continue;
        const depth = Math.sqrt(away) - halfWidth;
        const p = y * SIDE + x;
        if (depth < (depths[p] as number)) depths[p] = depth;
      }
    }
  }
}

function curve(points: Float64Array, a: number, b: number, c: number, d: number, t: number): number {
  const p0 = points[a] as number;
  const p1 = points[b] as number;
  const p2 = points[c] as number;
  const p3 = points[d] as number;
  const t2 = t * t;
  return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t2 + (3 * p1 - p0 - 3 * p2 + p3) * t2 * t);
}
