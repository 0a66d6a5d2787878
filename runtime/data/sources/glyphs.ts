/** `data.glyphs`: digits drawn by code. Image i of a split depends on (seed, split, i) only. */
import { stream } from '../../../spec/random.ts';
import { checkGather, type Dataset, type FieldArray } from '../dataset.ts';
import { digitOf, GLYPH_SAMPLES } from '../glyphs/draw.ts';
import { drawAhead } from '../glyphs/draw-ahead.ts';
import { SIDE } from '../glyphs/painter.ts';
import { drawSheet, emptySheets, fullSheets, sheetDrawer } from '../glyphs/sheets.ts';

export type GlyphSplit = keyof typeof GLYPH_SAMPLES;

export interface GlyphOptions {
  readonly seed: number;
  /** Turn the digits by any angle up to a sixth of a turn: a harder set (default false). */
  readonly rotated?: boolean;
  /** Another number of samples; the first ones are the same. */
  readonly samples?: number;
  /** The sheets, or more of them, as they were drawn before: SIDE × SIDE bytes each. */
  readonly drawn?: Uint8Array | undefined;
  /** Only so many of the first will be asked for: no more are drawn ahead. */
  readonly needed?: number;
}

/**
 * Images are drawn when they are first asked for and then kept, so the first batch waits for its own only; of a large
 * set a second thread draws as well.
 */
export function glyphs(split: GlyphSplit, { seed, rotated = false, samples, drawn, needed }: GlyphOptions): Dataset {
  const length = samples ?? GLYPH_SAMPLES[split];
  const name = `glyphs/${split}`;
  const rng = stream(seed, name);
  const pixels = SIDE * SIDE;
  const there = drawn !== undefined && drawn.length >= length * pixels;
  const kind = { seed, stream: name, rotated };
  const sheets = there ? fullSheets(drawn, kind) : emptySheets(length, kind);
  const drawer = sheetDrawer(sheets);
  if (!there) drawAhead(sheets, Math.min(length, needed ?? length));
  const image = { name: 'image', type: 'u8', shape: [SIDE, SIDE] } as const;
  const digit = { name: 'digit', type: 'i32', shape: [] } as const;

  return {
    name: `glyphs.${split}`,
    length,
    fields: [image, digit],
    origin: `generated from seed ${seed}`,
    gather(name: string, indices: ArrayLike<number>, out: FieldArray): void {
      if (name !== 'image' && name !== 'digit') throw new RangeError(`glyphs has no field ${name}`);
      checkGather(name === 'image' ? image : digit, indices.length, out);
      for (let k = 0; k < indices.length; k++) {
        const index = indices[k] as number;
        if (!(index >= 0 && index < length)) throw new RangeError(`row ${index} of ${length}`);
        if (name === 'image') out.set(drawSheet(sheets, drawer, index), k * pixels);
        else out[k] = digitOf(rng, index);
      }
    },
  };
}
