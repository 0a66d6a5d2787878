/**
 * Windows that move over a picture: the geometry of convolutions and of pooling. A picture is [height, width, channels],
 * with any axes in front; windows lie `stride` apart, and `padding` places are added on all sides.
 */
import type { Attributes, Shape } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import { ShapeError, showShape } from './operator.ts';

/** Two numbers: along the height, along the width. */
export type Pair = readonly [number, number];

export interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
}

export interface Picture {
  /** Axes in front of the picture's own: each combination of them is a page. */
  readonly front: Shape;
  readonly pages: number;
  readonly size: Pair;
  readonly channels: number;
}

export const WINDOW_ATTRIBUTES = {
  stride: 'places between windows: one number, or [along the height, along the width]',
  padding: 'places added on each side: one number, or [above and below, left and right]',
};

/** @throws ShapeError where there are fewer than three axes */
export function pictureOf(shape: Shape): Picture {
  if (shape.length < 3) {
    const hint = shape.length === 2 ? `; with one channel it would be [${shape.join(', ')}, 1]` : '';
    throw new ShapeError(`a picture is [height, width, channels], not ${showShape(shape)}${hint}`);
  }
  const [height, width, channels] = shape.slice(-3) as [number, number, number];
  const front = shape.slice(0, -3);
  return { front, pages: sizeOf(front), size: [height, width], channels };
}

/** One whole number for both directions, or two of them. @throws ShapeError for anything else */
export function pairOf(attributes: Attributes, name: string, least: number, fallback?: number): Pair {
  const given = attributes[name] ?? fallback;
  const pair = Array.isArray(given) ? (given as readonly number[]) : [given, given];
  const [down, across] = pair;
  const whole = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n >= least;
  if (pair.length === 2 && whole(down) && whole(across)) return [down, across];
  const shown = Array.isArray(given) ? `[${given.join(', ')}]` : String(given);
  throw new ShapeError(`\`${name}\` is a whole number from ${least}, or two of them, not ${shown}`);
}

/** @throws ShapeError where stride or padding cannot be */
export function windowsOf(attributes: Attributes, kernel: Pair): Windows {
  const stride = pairOf(attributes, 'stride', 1, 1);
  const padding = pairOf(attributes, 'padding', 0, 0);
  for (const axis of [0, 1] as const)
    if (padding[axis] >= kernel[axis])
      throw new ShapeError(`a padding of ${padding[axis]} is not smaller than the ${kernel[axis]} places of a window`);
  return { kernel, stride, padding };
}

/** How many windows there are along each direction; the last ones end within the padded picture. */
export function countWindows(size: Pair, { kernel, stride, padding }: Windows): Pair {
  const count = (axis: 0 | 1): number => {
    const room = size[axis] + 2 * padding[axis] - kernel[axis];
    if (room < 0) throw new ShapeError(tooLarge(size, kernel, padding));
    return Math.floor(room / stride[axis]) + 1;
  };
  return [count(0), count(1)];
}

function tooLarge(size: Pair, kernel: Pair, padding: Pair): string {
  const padded = padding[0] + padding[1] === 0 ? '' : `, even with its padding of ${showPair(padding)}`;
  return `a window of ${showPair(kernel)} is larger than the picture of ${showPair(size)}${padded}`;
}

/** The smallest and the largest picture over which `count` windows lie. */
export function coveredSize(count: Pair, { kernel, stride, padding }: Windows): { least: Pair; most: Pair } {
  const least = (axis: 0 | 1): number => (count[axis] - 1) * stride[axis] + kernel[axis] - 2 * padding[axis];
  const smallest: Pair = [least(0), least(1)];
  return { least: smallest, most: [smallest[0] + stride[0] - 1, smallest[1] + stride[1] - 1] };
}

/** `5 x 5` */
export function showPair([down, across]: Pair): string {
  return `${down} x ${across}`;
}

/**
 * Calls `visit` for each place of each window that lies inside the picture: window (row `oy`, column `ox`), place
 * (`ky`, `kx`) within it, and the place (`y`, `x`) of the picture under it.
 */
export function eachPlace(
  size: Pair,
  windows: Windows,
  visit: (oy: number, ox: number, ky: number, kx: number, y: number, x: number) => void,
): void {
  const { kernel, stride, padding } = windows;
  const [rows, columns] = countWindows(size, windows);
  for (let oy = 0; oy < rows; oy++)
    for (let ox = 0; ox < columns; ox++)
      for (let ky = 0; ky < kernel[0]; ky++)
        for (let kx = 0; kx < kernel[1]; kx++) {
          const y = oy * stride[0] + ky - padding[0];
          const x = ox * stride[1] + kx - padding[1];
          if (y >= 0 && y < size[0] && x >= 0 && x < size[1]) visit(oy, ox, ky, kx, y, x);
        }
}
