/**
 * Is `data.glyphs` as hard as it says? A linear classifier trained to convergence must stay below 0.93, a
 * 784-128-128-10 network must pass 0.97 within 8 epochs. About two minutes:
 * npm run accept -- glyphs
 */
import { describe, expect, it } from 'vitest';
import { glyphs } from '../../runtime/data/sources/glyphs.ts';
import { standardization } from '../../runtime/data/statistics.ts';
import { type Labelled, trainClassifier } from './classifiers.ts';

/** Train and test images, centred and scaled as `standardize` does. */
function loadGlyphs(seed: number): readonly [train: Labelled, test: Labelled] {
  const train = glyphs('train', { seed });
  const { mean, scale } = standardization(train, 'image');
  const load = (split: 'train' | 'test'): Labelled => {
    const set = glyphs(split, { seed });
    const rows = Uint32Array.from({ length: set.length }, (_, i) => i);
    const images = new Uint8Array(set.length * 784);
    const labels = new Int32Array(set.length);
    set.gather('image', rows, images);
    set.gather('digit', rows, labels);
    return { inputs: Float32Array.from(images, (x, i) => (x - (mean[i % 784] as number)) / scale), labels };
  };
  return [load('train'), load('test')];
}

describe('data.glyphs', () => {
  const seed = 1;
  const [train, test] = loadGlyphs(seed);

  it.each([1e-4, 3e-2, 3e-1])('is too hard for a linear classifier (decay %d)', (decay) => {
    const options = { sizes: [784, 10], epochs: 30, batch: 100, rate: 3e-3, decay, seed };
    const best = Math.max(...trainClassifier(train, test, options));
    console.log(`linear, decay ${decay}: ${best}`);
    expect(best).toBeLessThan(0.93);
    expect(best).toBeGreaterThan(0.85);
  });

  it('is easy enough for a small network', () => {
    const options = { sizes: [784, 128, 128, 10], epochs: 8, batch: 64, rate: 1.5e-3, decay: 1e-2, seed };
    const accuracies = trainClassifier(train, test, options);
    console.log(`network: ${accuracies.join(' ')}`);
    expect(accuracies.at(-1)).toBeGreaterThan(0.97);
  });
});
