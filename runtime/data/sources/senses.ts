/**
 * `data.senses`: one hidden cause, a digit, seen, heard and touched at once. Each sense alone is noisy and leaves some
 * digits alike; together they tell them apart. Sample i of a split depends on (seed, split, i) only; how a digit sounds
 * and feels is the same for all seeds.
 */
import { stream } from '../../../spec/random.ts';
import {
  type BoundedCount,
  boundedCount,
  MAX_ELEMENTS,
  ofPresent,
  rowNumbers,
  zeroed,
  zeroedBytes,
} from '../../support/bounded.ts';
import { type Column, type Dataset, memoryDataset } from '../dataset.ts';
import { glyphs } from './glyphs.ts';

const SAMPLES = { train: 4000, test: 1000 } as const;
export type SenseSplit = keyof typeof SAMPLES;

export const IMAGE_SIDE = 14;
export const TONES = 48;
export const SENSORS = 24;
const DIGITS = 10;
const FORMANTS = 3;
/** Deviation of the noise of each sense, in the units of its field. */
const NOISE = { image: 45, sound: 0.55, touch: 0.85 } as const;
/** How far a voice moves all formants, in tones. */
const VOICE = 1.5;
/** Each sense is there in so many of the samples whose `has_…` fields are read. */
const PRESENT = 2 / 3;

export interface SenseOptions {
  readonly seed: number;
  /** Another number of samples; the first ones are the same. */
  readonly samples?: number;
  /** The glyphs of the same seed, where they were drawn before. */
  readonly drawn?: Uint8Array | undefined;
}

export function senses(split: SenseSplit, { seed, samples, drawn: sheets }: SenseOptions): Dataset {
  const length = boundedCount(samples ?? SAMPLES[split], MAX_ELEMENTS, 'samples of data.senses');
  const drawn = glyphs(split, { seed, samples: length, drawn: sheets });
  const digits = zeroed(Int32Array, length);
  drawn.gather('digit', rowNumbers(length), digits);
  const column = (name: string, shape: readonly number[], data: Float32Array | Int32Array | Uint8Array): Column => ({
    field: { name, type: data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u8', shape },
    data,
  });
  const named = (name: string): ReturnType<typeof stream> => stream(seed, `senses/${split}/${name}`);
  const present = presence(length, named('present'));
  return memoryDataset(`senses.${split}`, `generated from seed ${seed}`, [
    column('image', [IMAGE_SIDE, IMAGE_SIDE], images(drawn, named('image'))),
    column('sound', [TONES], sounds(digits, named('sound'))),
    column('touch', [SENSORS], touches(digits, named('touch'))),
    column('has_image', [], present[0]),
    column('has_sound', [], present[1]),
    column('has_touch', [], present[2]),
    column('digit', [], digits),
  ]);
}

type Rng = ReturnType<typeof stream>;

/** The glyph at half its size, under noise. */
function images(drawn: Dataset, rng: Rng): Uint8Array {
  const side = 2 * IMAGE_SIDE;
  const out = zeroedBytes(boundedCount(drawn.length * IMAGE_SIDE * IMAGE_SIDE, MAX_ELEMENTS, 'pixels of data.senses'));
  const sheet = zeroedBytes(ofPresent(side * side));
  for (let i = 0, at = 0; i < drawn.length; i++) {
    drawn.gather('image', [i], sheet);
    for (let y = 0; y < side; y += 2)
      for (let x = 0; x < side; x += 2, at++) {
        const from = y * side + x;
        const four = [from, from + 1, from + side, from + side + 1].reduce((sum, p) => sum + (sheet[p] as number), 0);
        out[at] = Math.max(0, Math.min(255, Math.round(four / 4 + NOISE.image * rng.normal(at))));
      }
  }
  return out;
}

/** A spectrum: three formants a digit, moved together by the voice, under noise. */
function sounds(digits: Int32Array, rng: Rng): Float32Array {
  const words = stream(0, 'senses/words');
  const out = zeroed(Float32Array, boundedCount(digits.length * TONES, MAX_ELEMENTS, 'tones of data.senses'));
  const draws = TONES + 1;
  digits.forEach((digit, i) => {
    const voice = VOICE * rng.normal(i * draws + TONES);
    for (let tone = 0; tone < TONES; tone++) {
      let loudness = 0;
      for (let f = 0; f < FORMANTS; f++) {
        const centre = ((f + words.uniform(digit * FORMANTS + f)) * TONES) / FORMANTS;
        loudness += Math.exp(-(((tone - centre - voice) / 2.5) ** 2));
      }
      out[i * TONES + tone] = loudness + NOISE.sound * rng.normal(i * draws + tone);
    }
  });
  return out;
}

/** Pressures on a few sensors: a pattern a digit, pressed harder or softer, under noise. */
function touches(digits: Int32Array, rng: Rng): Float32Array {
  const shapes = stream(0, 'senses/shapes');
  const out = zeroed(Float32Array, boundedCount(digits.length * SENSORS, MAX_ELEMENTS, 'sensors of data.senses'));
  const draws = SENSORS + 1;
  digits.forEach((digit, i) => {
    const force = 1 + 0.25 * rng.normal(i * draws + SENSORS);
    for (let s = 0; s < SENSORS; s++) {
      const pattern = shapes.normal((digit % DIGITS) * SENSORS + s) > 0.3 ? 1 : 0;
      out[i * SENSORS + s] = force * pattern + NOISE.touch * rng.normal(i * draws + s);
    }
  });
  return out;
}

/** Which senses are there: each in two of three samples, and always at least one. */
function presence(length: BoundedCount, rng: Rng): [Int32Array, Int32Array, Int32Array] {
  const present: [Int32Array, Int32Array, Int32Array] = [
    zeroed(Int32Array, length),
    zeroed(Int32Array, length),
    zeroed(Int32Array, length),
  ];
  for (let i = 0; i < length; i++) {
    present.forEach((flags, sense) => {
      flags[i] = rng.uniform(i * 4 + sense) < PRESENT ? 1 : 0;
    });
    if (present.every((flags) => flags[i] === 0))
      (present[Math.floor(rng.uniform(i * 4 + 3) * 3)] as Int32Array)[i] = 1;
  }
  return present;
}
