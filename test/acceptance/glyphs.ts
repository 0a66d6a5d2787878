/**
 * Is `data.glyphs` as hard as it says? Run it after a build of the tests (see test/acceptance/README.md):
 * a linear classifier trained to convergence must stay below 0.93, a 784-128-128-10 network must pass 0.97 in 8 epochs.
 */
import { glyphs } from '../../runtime/data/sources/glyphs.ts';
import { standardization } from '../../runtime/data/statistics.ts';
import { type Labelled, trainClassifier } from './classifiers.ts';

export interface Difficulty {
  /** The best test accuracy of a linear classifier over decays and epochs. */
  readonly linear: number;
  /** Test accuracy of the network after each epoch. */
  readonly network: readonly number[];
}

export function measureGlyphs(seed: number, networkEpochs: number): Difficulty {
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
  const training = load('train');
  const testing = load('test');
  const linear = [1e-4, 3e-2, 3e-1].map((decay) =>
    Math.max(
      ...trainClassifier(training, testing, { sizes: [784, 10], epochs: 30, batch: 100, rate: 3e-3, decay, seed }),
    ),
  );
  const sizes = [784, 128, 128, 10];
  const network = trainClassifier(training, testing, {
    sizes,
    epochs: networkEpochs,
    batch: 64,
    rate: 1.5e-3,
    decay: 1e-2,
    seed,
  });
  return { linear: Math.max(...linear), network };
}
