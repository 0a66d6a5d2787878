/** One glyph from its random numbers: a shape, bent by a hand, on a sheet that is never quite clean. */
import type { RandomStream } from '../../../spec/random.ts';
import { Painter, SIDE } from './painter.ts';
import { SHAPES, type Stroke } from './shapes.ts';

/** How much everything varies. Angles are tangents, lengths are pixels, jitter is in units of the glyph's box. */
export interface Hand {
  readonly jitter: number;
  readonly slant: number;
  readonly turn: number;
  readonly halfHeight: readonly [number, number];
  readonly aspect: readonly [number, number];
  readonly shift: number;
  readonly halfWidth: readonly [number, number];
  readonly ink: readonly [number, number];
  readonly softness: readonly [number, number];
  readonly noise: number;
  /** Share of the sheets with a stray mark. */
  readonly clutter: number;
}

/** Tuned so that a linear classifier stays below 0.93 and a small network passes 0.97: test/acceptance/glyphs.ts. */
export const HAND: Hand = {
  jitter: 0.055,
  slant: 0.26,
  turn: 0.11,
  halfHeight: [7.6, 10.2],
  aspect: [0.75, 1.1],
  shift: 2,
  halfWidth: [0.7, 1.7],
  ink: [170, 255],
  softness: [0.5, 0.9],
  noise: 14,
  clutter: 0.12,
};

/** Random numbers reserved for one glyph: glyph i uses i × DRAWS … (i + 1) × DRAWS - 1. */
export const DRAWS = 128;

/** Digits of each split, unless another number is asked for. */
export const GLYPH_SAMPLES = { train: 10_000, test: 2_000 } as const;

/** The digit written on sheet `i`: its first random number. */
export function digitOf(rng: RandomStream, i: number): number {
  return Math.floor(rng.uniform(i * DRAWS) * 10);
}

export interface Drawer {
  /** Draws sheet `i` into the SIDE × SIDE bytes of `out` at `offset`. */
  draw(i: number, out: Uint8Array, offset: number): void;
}

/** @param rotated turn every glyph by any angle up to a sixth of a turn either way */
export function glyphDrawer(rng: RandomStream, rotated: boolean, hand: Hand = HAND): Drawer {
  const painter = new Painter();
  const sheet = new Float64Array(SIDE * SIDE);
  const points = new Float64Array(64);
  const grain = grainOf(hand.noise);
  let counter = 0;
  const uniform = (): number => rng.uniform(counter++);
  const between = ([low, high]: readonly [number, number]): number => low + (high - low) * uniform();
  /** Nearly normal with variance 1: the sum of the four bytes of one number. */
  const spread = (): number => bellOf(sumOfBytes(rng.bits(counter++)));

  function place(stroke: Stroke, form: Form): number {
    let x = 0;
    let y = 0;
    stroke.forEach((point, k) => {
      const previous = stroke[k - 1];
      const corner = previous && previous[0] === point[0] && previous[1] === point[1];
      if (!corner) {
        x = point[0] + hand.jitter * spread();
        y = point[1] + hand.jitter * spread();
      }
      points[2 * k] = form.centreX + form.xx * x + form.xy * y;
      points[2 * k + 1] = form.centreY + form.yx * x + form.yy * y;
    });
    return stroke.length;
  }

  function stray(softness: number): void {
    const x = uniform() * SIDE;
    const y = uniform() * SIDE;
    painter.clear(1, softness);
    points.set([x, y, x + 3 * spread(), y + 3 * spread()]);
    painter.stroke(points, 2, 0.5, 0.5);
    painter.ink(sheet, 80 + 120 * uniform(), softness);
  }

  function draw(i: number, out: Uint8Array, offset: number): void {
    counter = i * DRAWS;
    const digit = digitOf(rng, i);
    counter++;
    const shapes = SHAPES[digit] as (typeof SHAPES)[number];
    const shape = shapes[Math.floor(uniform() * shapes.length)] as (typeof shapes)[number];
    const form = formOf(hand, rotated, uniform, spread, between);
    const softness = between(hand.softness);
    const width = between(hand.halfWidth);
    sheet.fill(0);
    painter.clear(width * 1.2, softness);
    for (const stroke of shape) {
      const count = place(stroke, form);
      painter.stroke(points, count, width * (1 + 0.12 * spread01(uniform)), width * (1 + 0.12 * spread01(uniform)));
    }
    painter.ink(sheet, between(hand.ink), softness);
    if (uniform() < hand.clutter) stray(softness);
    develop(sheet, rng.bits(i * DRAWS + DRAWS - 1), grain, out, offset);
  }

  return { draw };
}

/** The tangent of half the angle. Turned farther, a six and a nine could not be told apart. */
const SIXTH_OF_A_TURN = 0.577;

/** Where the box of the shape lies on the sheet: pixel = centre + matrix × point. */
interface Form {
  readonly centreX: number;
  readonly centreY: number;
  readonly xx: number;
  readonly xy: number;
  readonly yx: number;
  readonly yy: number;
}

function formOf(
  hand: Hand,
  rotated: boolean,
  uniform: () => number,
  spread: () => number,
  between: (range: readonly [number, number]) => number,
): Form {
  const height = between(hand.halfHeight);
  const width = height * between(hand.aspect);
  const slant = -hand.slant * spread();
  // A turn by the tangent of half its angle: no trigonometry.
  const half = rotated ? SIXTH_OF_A_TURN * (2 * uniform() - 1) : (hand.turn * spread()) / 2;
  const cosine = (1 - half * half) / (1 + half * half);
  const sine = (2 * half) / (1 + half * half);
  const middle = (SIDE - 1) / 2;
  return {
    centreX: middle + hand.shift * (2 * uniform() - 1),
    centreY: middle + hand.shift * (2 * uniform() - 1),
    xx: cosine * width,
    xy: (cosine * slant - sine) * height,
    yx: sine * width,
    yy: (sine * slant + cosine) * height,
  };
}

const spread01 = (uniform: () => number): number => 2 * uniform() - 1;

const MAX_SUM_OF_FOUR_BYTES = 4 * 255;

/** 0 … 1020. */
function sumOfBytes(bits: number): number {
  const pairs = (bits & 0x00ff00ff) + ((bits >>> 8) & 0x00ff00ff);
  return (pairs & 0xffff) + (pairs >>> 16);
}

function bellOf(sum: number): number {
  return (sum - MAX_SUM_OF_FOUR_BYTES / 2) / 147.8;
}

/** A byte as `Math.round` gives it, which is slow. */
function toByte(value: number): number {
  if (value <= 0) return 0;
  if (value >= 255) return 255;
  const whole = value | 0;
  return value - whole >= 0.5 ? whole + 1 : whole;
}

/** Grey levels by the sum of four bytes, to add to ink, and those of a blank pixel: most pixels are blank. */
interface Grain {
  readonly added: Float64Array;
  readonly blank: Uint8Array;
}

function grainOf(noise: number): Grain {
  const added = Float64Array.from({ length: MAX_SUM_OF_FOUR_BYTES + 1 }, (_, sum) => noise * bellOf(sum));
  return { added, blank: Uint8Array.from(added, toByte) };
}

/** Adds noise and rounds to bytes. The noise is xorshift32 from one random number: 784 more would cost more than the ink. */
function develop(sheet: Float64Array, seed: number, { added, blank }: Grain, out: Uint8Array, offset: number): void {
  let state = seed | 1;
  for (let p = 0; p < SIDE * SIDE; p++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const sum = sumOfBytes(state);
    const ink = sheet[p] as number;
    out[offset + p] = ink === 0 ? (blank[sum] as number) : toByte(ink + (added[sum] as number));
  }
}
