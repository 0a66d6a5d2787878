import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { programOf } from '../../../runtime/cli/measuring/training-steps.ts';
import { workOf } from '../../bench/useful-work.ts';
import type { Work } from '../../bench/work-form.ts';

const TICKS = 7;
/** With ticks in which errors have come everywhere, and go on. */
const VGG = readFileSync('dsl-examples/vgg.pcn', 'utf8').replace(/il\(steps = \d+/, `il(steps = ${TICKS}`);

/** Of the four convolutions from one channel on, by the size of the picture: the only products beside the dense link's. */
function timesOf(task: string): number[] {
  const work = workOf(programOf(VGG, { task, set: { channels: '1' } }));
  // The gradient of a kernel is also one: by the gradients of its windows, of a picture with its padding.
  const isOf = (size: number) => (way: Work) =>
    way.op === 'Conv' && (way.inputs[0]?.[2] === size || way.inputs[1]?.[2] === size);
  return [32, 16, 8, 4].map((size) =>
    work.filter(({ ways }) => ways.some(isOf(size))).reduce((sum, one) => sum + one.times, 0),
  );
}

test('the useful work of backpropagation is each convolution and its gradients, but for the image', () => {
  expect(timesOf('bp')).toEqual([2, 3, 3, 3]);
});

test('the useful work of inference learning is at most a convolution forward and one backward in each tick', () => {
  const [image, ...hidden] = timesOf('il');
  expect(image).toBe(2);
  for (const times of hidden) {
    expect(times).toBeLessThanOrEqual(2 * TICKS + 2);
    expect(times).toBeGreaterThan(TICKS);
  }
});

test('queries, keys and values send their errors back in one product, however often they are read', () => {
  const text = readFileSync('dsl-examples/transformer.pcn', 'utf8');
  const [tokens, width, depth] = [16 * 128, 64, 2];
  const work = workOf(programOf(text, { task: 'bp' }));
  const timesFrom = (...inputs: number[][]): number =>
    work.find(({ ways: [way] }) => JSON.stringify(way?.inputs) === JSON.stringify(inputs))?.times ?? 0;
  expect(timesFrom([tokens, width], [width, 3 * width])).toBe(depth);
  expect(timesFrom([tokens, 3 * width], [3 * width, width])).toBe(depth);
  expect(timesFrom([width, tokens], [tokens, 3 * width])).toBe(depth);
});
