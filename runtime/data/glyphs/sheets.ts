/** Sheets in memory that threads may share: drawn once, by the first thread that needs them. */
import { stream } from '../../../spec/random.ts';
import { boundedCount, MAX_ELEMENTS, ofPresent, sharedBytes, zeroedBytes } from '../../support/bounded.ts';
import { type Drawer, glyphDrawer } from './draw.ts';
import type { Sheets } from './draw-ahead.ts';
import { SIDE } from './painter.ts';

const PIXELS = SIDE * SIDE;

/** @param count of empty sheets */
export function emptySheets(count: number, kind: Pick<Sheets, 'seed' | 'stream' | 'rotated'>): Sheets {
  return {
    ...kind,
    images: sharedBytes(boundedCount(count * PIXELS, MAX_ELEMENTS, 'pixels of the sheets')),
    drawn: sharedBytes(boundedCount(count, MAX_ELEMENTS, 'sheets')),
  };
}

/** Sheets that have been drawn already. */
export function fullSheets(images: Uint8Array, kind: Pick<Sheets, 'seed' | 'stream' | 'rotated'>): Sheets {
  return { ...kind, images, drawn: zeroedBytes(ofPresent(images.length / PIXELS)).fill(1) };
}

export function sheetDrawer({ seed, stream: name, rotated }: Sheets): Drawer {
  return glyphDrawer(stream(seed, name), rotated);
}

/** Sheet `i`, drawn if it is not there yet. */
export function drawSheet({ images, drawn }: Sheets, drawer: Drawer, i: number): Uint8Array {
  if (Atomics.load(drawn, i) === 0) {
    drawer.draw(i, images, i * PIXELS);
    Atomics.store(drawn, i, 1);
  }
  return images.subarray(i * PIXELS, (i + 1) * PIXELS);
}
