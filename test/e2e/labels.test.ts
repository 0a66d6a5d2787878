/** Labels for which `one_hot` has no place are refused wherever data are read, with the sample and the field. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { labelsOf } from '../../compiler/8-plan/labels.ts';
import { memoryDataset } from '../../runtime/data/dataset.ts';
import { checkLabels } from '../../runtime/data/labels.ts';
import { readSamples } from '../../runtime/serve/samples.ts';
import { checked } from '../support/check-source.ts';
import { temporaryFolder } from '../support/nmc.ts';
import { nmcInProcess } from '../support/nmc-in-process.ts';

const folder = temporaryFolder();

function rows(name: string, labels: readonly number[]): string {
  const lines = labels.map((label, i) => [Math.sin(i), Math.cos(i), label].join());
  writeFileSync(join(folder, name), `x[0],x[1],label\n${lines.join('\n')}\n`);
  return `data.file("${name}", x = f32[2], label = int)`;
}

const GOOD = rows('good.csv', [0, 1, 2, 0, 1, 2]);
const BAD = rows('bad.csv', [0, 1, 2, 0, 3, 2]);
const NEGATIVE = rows('negative.csv', [0, -1, 2, 0, 1, 2]);

/** A model up to the training, whose block is still open. */
const begun = (train: string, clamp: string): string => `pcn 1
import std/links
import std/learn
import std/data
model m {
  sense x: f32[2]
  node y: f32[3]
  link x -> y = links.dense()
}
train t of m on ${train} {
  clamp x = sample.x
  clamp y = ${clamp}
  method = learn.il(steps = 1)
`;

function model(name: string, train: string, check: string, clamp = 'one_hot(sample.label, 3)'): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `${begun(train, clamp)}  batch = 2
  epochs = 1
}
predict classify of m {
  clamp x = input.x
  read label = argmax(y)
}
predict recall of m {
  clamp y = one_hot(input.label, 3)
  read x = x
}
check accuracy(classify.label, ${check}.label) >= 0
`,
  );
  return path;
}

const train = (path: string, ...options: string[]) =>
  nmcInProcess('train', path, '--device', 'reference', '--out', `${path}.run`, ...options);

test('a training with a label outside of one_hot does not begin, nor one with such a label in its validation', async () => {
  const named = 'bad.csv: sample 5 of 6: `label` is 3, and the model has places for 0 to 2';
  for (const [name, of, by] of [
    ['train.pcn', BAD, GOOD],
    ['check.pcn', GOOD, BAD],
  ] as const) {
    const { code, stderr, stdout } = await train(model(name, of, by));
    expect(stderr, name).toContain(named);
    expect(code).toBe(2);
    expect(stdout).not.toContain('epoch');
  }
  expect((await train(model('negative.pcn', NEGATIVE, GOOD))).stderr).toContain('sample 2 of 6: `label` is -1');
});

test('a prediction and an evaluation refuse such a label, too', async () => {
  const path = model('trained.pcn', GOOD, GOOD);
  expect((await train(path)).code).toBe(0);
  const run = `${path}.run`;
  const asked = ['predict', run, '--task', 'recall', '--device', 'reference', '--input'];
  const refused = await nmcInProcess(...asked, join(folder, 'bad.csv'));
  expect(refused.stderr).toContain('sample 5 of 6: `label` is 3');
  expect(refused.code).toBe(2);
  expect((await nmcInProcess(...asked, join(folder, 'good.csv'))).code).toBe(0);
  rows('good.csv', [0, 1, 2, 0, 1, 7]);
  const measured = await nmcInProcess('eval', run, '--device', 'reference');
  expect(measured.stderr).toContain('sample 6 of 6: `label` is 7');
  expect(measured.code).toBe(2);
  rows('good.csv', [0, 1, 2, 0, 1, 2]);
});

test('a served request with such a label is refused before anything is predicted', () => {
  const inputs = [{ name: 'label', type: 'i32', shape: [], labels: [0, 2] }] as const;
  const prediction = { task: 'recall', function: 'predict.recall', batch: 4, inputs, reads: [] };
  expect(() => readSamples([{ label: 2 }, { label: 3 }], prediction, 100)).toThrow('sample 2 of 2: `label` is 3');
});

test('a model with a condition says itself which samples have a label, so labels may begin at 1', () => {
  const inputs = (clamp: string) => labelsOf(checked(`${begun(GOOD, clamp)}}\n`).trains[0]?.clamps ?? []).get('label');
  expect(inputs('one_hot(sample.label, 3)')).toEqual([0, 2]);
  expect(inputs('0.9 * one_hot(sample.label - 1, 3) + 0.05')).toEqual([1, 3]);
  expect(inputs('one_hot(sample.label, 3) when sample.label >= 0')).toBeUndefined();
  expect(inputs('select(sample.label < 0, 0.5, one_hot(sample.label, 3))')).toBeUndefined();
  expect(inputs('one_hot(sample.label, 3) * (sample.label >= 0)')).toBeUndefined();
});

test('such a label is found in a large set and in a sequence', () => {
  const data = new Int32Array(10_000);
  data[9_001] = 5;
  const field = { name: 'label', type: 'i32', shape: [2] } as const;
  const dataset = memoryDataset('large', 'test', [{ field, data }]);
  expect(() => checkLabels(dataset, [{ name: 'label', labels: [0, 4] }])).toThrow('sample 4501 of 5000');
  expect(() => checkLabels(dataset, [{ name: 'label', labels: [0, 5] }])).not.toThrow();
});
