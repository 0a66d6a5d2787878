/** The example `cortex.pcn` with 8 narrow columns: everything that it has, in a size that tests can write out. */
const NARROW: readonly (readonly [RegExp, string])[] = [
  [/column\[64\]/g, 'column[8]'],
  [/column\[0\.\.31\]/g, 'column[0..3]'],
  [/column\[32\.\.47\]/g, 'column[4..5]'],
  [/column\[48\.\.63\]/g, 'column[6..7]'],
  [/f32\[256\]/g, 'f32[12]'],
  [/f32\[96\]/g, 'f32[8]'],
  [/f32\[64\]/g, 'f32[6]'],
];

export const narrowCortex = (text: string): string =>
  NARROW.reduce((narrower, [from, to]) => narrower.replace(from, to), text);
