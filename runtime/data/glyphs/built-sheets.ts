/**
 * Sheets that were drawn when the program was built, for the default seed: drawing takes longer than
 * all else between the command and its first batch. From source, and with another seed, they are drawn when asked for.
 */
import { readFileSync } from 'node:fs';

/** The seed of a training that names none. */
export const BUILT_SEED = 1;
/** SIDE × SIDE bytes a sheet, all of a split. */
const fileOf = (split: string): URL => new URL(`../../../data/glyphs-${split}.bin`, import.meta.url);
/** From source there is nothing built. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

export function builtSheets(split: string, seed: number, rotated: boolean): Uint8Array | undefined {
  if (FROM_SOURCE || rotated || seed !== BUILT_SEED) return undefined;
  try {
    return readFileSync(fileOf(split));
  } catch {
    return undefined; // they are drawn
  }
}
