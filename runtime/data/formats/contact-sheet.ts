/** Many small pictures on one sheet, as PNG. */
import { PNG } from 'pngjs';

/** height × width × channels numbers from 0 to 255; 1 channel is grey, 3 are red, green and blue. */
export interface SmallPicture {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly values: ArrayLike<number>;
}

/** Pixels between pictures, and of the sheet for one pixel of a picture. */
const GAP = 2;
const ZOOM = 2;
const PAPER = 255;

/** @param rows pictures from left to right, of one size on the whole sheet */
export function contactSheet(rows: readonly (readonly SmallPicture[])[]): Uint8Array {
  const [first] = rows.flat();
  if (!first) throw new RangeError('a sheet without pictures');
  const columns = Math.max(...rows.map((row) => row.length));
  const place = { x: first.width * ZOOM + GAP, y: first.height * ZOOM + GAP };
  const png = new PNG({ width: columns * place.x + GAP, height: rows.length * place.y + GAP });
  png.data.fill(PAPER);
  rows.forEach((row, r) => {
    row.forEach((picture, c) => {
      paint(png, picture, GAP + c * place.x, GAP + r * place.y);
    });
  });
  return PNG.sync.write(png);
}

function paint(png: PNG, { height, width, channels, values }: SmallPicture, left: number, top: number): void {
  for (let y = 0; y < height * ZOOM; y++)
    for (let x = 0; x < width * ZOOM; x++) {
      const from = (Math.floor(y / ZOOM) * width + Math.floor(x / ZOOM)) * channels;
      const to = ((top + y) * png.width + left + x) * 4;
      for (let k = 0; k < 3; k++) {
        const value = values[from + (channels === 3 ? k : 0)] as number;
        png.data[to + k] = Number.isFinite(value) ? Math.max(0, Math.min(255, Math.round(value))) : 0;
      }
    }
}

/** Height, width and channels of a field that is a picture; undefined for any other. */
export function pictureShape(shape: readonly number[]): { height: number; width: number; channels: 1 | 3 } | undefined {
  const [height = 0, width = 0, channels = 1] = shape;
  if (shape.length < 2 || shape.length > 3 || (channels !== 1 && channels !== 3)) return undefined;
  return { height, width, channels };
}
