/** The built-in data sets by name: their splits and fields, as `stdlib/data.pcn` declares them to the compiler. */
import type { Field } from './dataset.ts';

export interface CatalogueEntry {
  readonly splits: readonly string[];
  readonly fields: readonly Field[];
}

/** Bytes per piece of a text file where nothing else is asked for. */
export const TEXT_LENGTH = 64;

/** Characters of a window of text where nothing else is asked for. */
export const TEXT_WINDOW = 128;

/** Steps of a tracked sequence where nothing else is asked for. */
export const TRACKING_STEPS = 50;

const image28: Field = { name: 'image', type: 'u8', shape: [28, 28] };
const digit: Field = { name: 'digit', type: 'i32', shape: [] };
const trainAndTest = ['train', 'test'] as const;
const text: CatalogueEntry = {
  splits: ['train', 'validation', 'test'],
  fields: [
    { name: 'text', type: 'i32', shape: [TEXT_WINDOW] },
    { name: 'next', type: 'i32', shape: [TEXT_WINDOW] },
  ],
};

export const CATALOGUE = {
  glyphs: { splits: trainAndTest, fields: [image28, digit] },
  senses: {
    splits: trainAndTest,
    fields: [
      { name: 'image', type: 'u8', shape: [14, 14] },
      { name: 'sound', type: 'f32', shape: [48] },
      { name: 'touch', type: 'f32', shape: [24] },
      { name: 'has_image', type: 'i32', shape: [] },
      { name: 'has_sound', type: 'i32', shape: [] },
      { name: 'has_touch', type: 'i32', shape: [] },
      digit,
    ],
  },
  tracking: {
    splits: trainAndTest,
    fields: [
      { name: 'hidden', type: 'f32', shape: [TRACKING_STEPS, 3] },
      { name: 'seen', type: 'f32', shape: [TRACKING_STEPS, 4] },
      { name: 'kalman', type: 'f32', shape: [TRACKING_STEPS, 3] },
    ],
  },
  mnist: { splits: trainAndTest, fields: [image28, digit] },
  fashion_mnist: { splits: trainAndTest, fields: [image28, digit] },
  cifar10: {
    splits: trainAndTest,
    fields: [
      { name: 'image', type: 'u8', shape: [32, 32, 3] },
      { name: 'label', type: 'i32', shape: [] },
    ],
  },
  text,
  shakespeare: text,
} as const satisfies Readonly<Record<string, CatalogueEntry>>;

/** Sets that are drawn from the seed, the same on every machine. */
export const DRAWN_SETS: ReadonlySet<string> = new Set([
  'glyphs',
  'senses',
  'tracking',
] satisfies (keyof typeof CATALOGUE)[]);
