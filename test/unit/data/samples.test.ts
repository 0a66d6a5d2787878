/** The body of a request: what is wrong with it is said by sample and field. */
import { describe, expect, test } from 'vitest';
import { readSamples } from '../../../runtime/serve/samples.ts';
import type { PlanPrediction } from '../../../spec/plan.ts';

const prediction: PlanPrediction = {
  task: 'p',
  function: 'predict.p',
  batch: 256,
  inputs: [
    { name: 'x', type: 'f32', shape: [2] },
    { name: 'text', type: 'u8', shape: [3] },
  ],
  reads: [],
};

function read(text: string): readonly number[] {
  const { dataset } = readSamples(JSON.parse(text), prediction, text.length);
  const out = new Uint8Array(dataset.length * 3);
  dataset.gather('text', [...Array(dataset.length).keys()], out);
  return [...out];
}

test('a sample is given by its numbers, or a text by its letters', () => {
  expect(read('[{"x": [1, 2], "text": [4, 5, 6]}, {"x": [1, 2], "text": "abc"}]')).toEqual([4, 5, 6, 97, 98, 99]);
});

describe('a sample is refused in words', () => {
  test.each([
    ['a field that is missing', '[{"x": [1, 2], "text": "abc"}, {"x": [1, 2]}]', 'sample 2: `text` is missing'],
    ['too few numbers', '{"x": [1], "text": "abc"}', 'sample 1, `x`: 1 numbers, but 2 are needed'],
    ['a number that is too large', '{"x": [1, 1e400], "text": "abc"}', 'sample 1, `x`, element 2: Infinity is not'],
    ['a text of another length', '{"x": [1, 2], "text": "ab"}', 'sample 1, `text`: 2 bytes of text, but 3 are needed'],
    ['a text for numbers', '{"x": "12", "text": "abc"}', 'sample 1, `x`: "12" is not a number'],
    ['nothing for numbers', '{"x": [1, null], "text": "abc"}', 'sample 1, `x`: null is not a number'],
  ])('with %s', (_, body, words) => {
    expect(() => read(body)).toThrow(words);
  });
});
