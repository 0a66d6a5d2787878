/** Tasks on sequences, rates of senses, and clamps of single elements. */
import { describe, expect, test } from 'vitest';
import { checked, codesOf } from '../../support/check-source.ts';

const head = (senses: string): string => `pcn 1
import std/links
import std/learn
import std/data
model m {
${senses}
  node h: f32[3]
  link h -> x = links.dense()
  link h -> h = links.dense(delay = 1)
}
`;
const PLAIN = head('sense x: f32[784]');
const RATED = head('sense x: f32[4] at 10Hz\nsense v: f32[2] at 30Hz\nlink h -> v = links.dense()');
const taskOf = (text: string) => {
  const [task] = checked(text).trains;
  if (task === undefined) throw new Error('no task');
  return task;
};

describe('a sequence of S steps', () => {
  test('shows a field whose first axis has S elements one element a step, and other fields whole in all steps', () => {
    const task = taskOf(`${PLAIN}train t of m on data.file("x.npz", image = u8[6, 28, 28], digit = int) {
      sequence = 6
      clamp x = sample.image
    }`);
    expect(task.sequence).toBe(6);
    expect(task.inputs).toEqual([
      { name: 'image', type: 'u8', shape: [28, 28], steps: 6 },
      { name: 'digit', type: 'i32', shape: [] },
    ]);
    expect(task.data.fields[0]?.shape).toEqual([6, 28, 28]);
  });

  test('is made of consecutive samples', () => {
    const task = taskOf(`${PLAIN}train t of m on data.mnist.train[0..99].sequences(10) {
      sequence = 10
      clamp x = standardize(sample.image)
    }`);
    expect(task.data).toMatchObject({ source: 'mnist', range: [0, 99], steps: 10 });
    expect(task.data.fields).toEqual([
      { name: 'image', type: 'u8', shape: [10, 28, 28] },
      { name: 'digit', type: 'i32', shape: [10] },
    ]);
    expect(JSON.stringify(task.clamps[0]?.value)).toContain('"standardize.image.mean","shape":[28,28]');
  });

  test('is predicted by the length of the training, or by its own', () => {
    const { predicts } = checked(`${PLAIN}train t of m on data.mnist.train.sequences(10) {
      sequence = 10
      clamp x = sample.image
    }
    predict a of m {
      clamp x = input.image when step == 0
      read h = h
    }
    predict b of m on data.mnist.test.sequences(4) {
      sequence = 4
      clamp x = input.image
      read h = h
    }`);
    expect(predicts.map((p) => p.sequence)).toEqual([10, 4]);
  });

  test('is compared whole by a check', () => {
    const task = `train t of m on data.mnist.train.sequences(5) { sequence = 5 clamp x = sample.image }
      predict p of m { clamp x = input.image when step < 2 read image = x }`;
    expect(codesOf(`${PLAIN}${task}\ncheck error(p.image, data.mnist.test.sequences(5).image) <= 9`)).toEqual([]);
    expect(codesOf(`${PLAIN}${task}\ncheck error(p.image, data.mnist.test.image) <= 9`)).toContain('check/shape');
  });

  test('is refused where model, data and steps do not fit', () => {
    const train = (data: string, rest = ''): string =>
      `${PLAIN}train t of m on ${data} { ${rest} clamp x = sample.image }`;
    expect(codesOf(train('data.mnist.train'))).toEqual(['delay/idle']);
    expect(codesOf(train('data.mnist.train', 'sequence = 0'))).toContain('setting/type');
    expect(codesOf(train('data.mnist.train.sequences()', 'sequence = 5'))).toContain('call/arguments');
    expect(codesOf(train('data.mnist.train.sequences(5).sequences(5)', 'sequence = 5'))).toContain('call/arguments');
    expect(codesOf(train('data.mnist.train.sequences(5)[0..3]', 'sequence = 5'))).toContain('index/none');
    // The fields have five steps, the task has four: what is left is not a picture.
    expect(codesOf(train('data.mnist.train.sequences(5)', 'sequence = 4'))).toContain('clamp/shape');
  });
});

describe('a rate', () => {
  const train = (x: string, v: string, steps: number): string =>
    `${RATED}train t of m on data.file("x.npz", x = f32[${x}], v = f32[${v}]) {
      sequence = ${steps}
      clamp x = sample.x
      clamp v = sample.v
    }`;

  test('makes the base step the least common multiple, and gives each sense as many samples as it needs', () => {
    expect(checked(RATED).models[0]?.baseRate).toBe(30);
    expect(taskOf(train('2, 4', '6, 2', 6)).inputs).toEqual([
      { name: 'x', type: 'f32', shape: [4], steps: 2 },
      { name: 'v', type: 'f32', shape: [2], steps: 6 },
    ]);
  });

  test('is a mistake where the number of samples is another one', () => {
    expect(codesOf(train('6, 4', '6, 2', 6))).toEqual(['rate/samples']);
    expect(codesOf(train('2, 4', '7, 2', 7))).toContain('rate/samples');
  });
});

describe('clamps of single elements', () => {
  const clamp = (when: string): string =>
    `${PLAIN}train t of m on data.file("x.npz", image = u8[28, 28], there = u8[28, 28], some = u8[3]) {
      clamp x = sample.image when ${when}
    }`;

  test('have a condition with one value a sample, or one an element', () => {
    const shape = (when: string) => taskOf(clamp(when)).clamps[0]?.when?.shape;
    expect(shape('range(784) < 392')).toEqual([784]);
    expect(shape('sample.there')).toEqual([784]);
    expect(shape('sum(sample.there) > 3')).toEqual([]);
  });

  test('refuse a condition of another size', () => expect(codesOf(clamp('sample.some'))).toContain('clamp/shape'));
});

test('reads see the fields of a sample, and turn standardized values back', () => {
  const [task] = checked(`${PLAIN}train t of m on data.mnist.train { clamp x = standardize(sample.image) }
    predict p of m {
      clamp x = standardize(input.image) when range(784) < 9
      read image = unstandardize(x, input.image)
      read cue = select(range(784) < 9, flatten(input.image), 0)
    }`).predicts;
  expect(task?.reads.map((r) => r.value.shape)).toEqual([[28, 28], [784]]);
});
