/** Texts as what a run that was trained on texts predicts from. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isTextOfRun, type TextInput, textInput } from '../../../runtime/cli/training/text-input.ts';
import { bytePairs } from '../../../runtime/data/formats/byte-pairs.ts';
import { KEPT_VOCABULARY } from '../../../runtime/data/vocabulary-file.ts';
import type { Run } from '../../../runtime/store/run-folder.ts';
import type { Plan, PlanPrediction } from '../../../spec/plan.ts';
import { tokenizerJson } from '../../support/tokenizer-json.ts';
import { temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();
mkdirSync(folder, { recursive: true });
const path = join(folder, 'x.txt');
const runOf = (kept: object): Run =>
  ({ directory: folder, config: { settings: { trainedOn: { train: {}, ...kept } } } }) as unknown as Run;
const readsOf = (window: number, ...names: string[]): PlanPrediction =>
  ({ inputs: names.map((name) => ({ name, type: 'i32', shape: [window] })) }) as unknown as PlanPrediction;

function read(content: string, kept: object, task: PlanPrediction): Promise<TextInput> {
  writeFileSync(path, content);
  return textInput(runOf(kept), task, path);
}

function idsOf({ dataset }: TextInput, field: string): number[] {
  const rows = Array.from({ length: dataset.length }, (_, row) => row);
  const out = new Int32Array(rows.length * (dataset.fields[0]?.shape[0] ?? 0));
  dataset.gather(field, rows, out);
  return [...out];
}

const letters = { classes: { text: ['a', 'b', 'c'], next: ['a', 'b', 'c'] } };

it('has the ids of its characters in windows, and says what is left out', async () => {
  const input = await read('abcabca', letters, readsOf(3, 'text'));
  expect([input.names, idsOf(input, 'text')]).toEqual([
    ['1', '2'],
    [0, 1, 2, 0, 1, 2],
  ]);
  expect(input.rest).toBe(`the last 1 of 7 characters of ${path} do not fill a window of 3`);
  expect((await read('abcabc', letters, readsOf(3, 'text'))).rest).toBeUndefined();
});

it('has the characters behind them where a task reads those, too', async () => {
  const input = await read('abcabc', letters, readsOf(2, 'text', 'next'));
  expect([idsOf(input, 'text'), idsOf(input, 'next')]).toEqual([
    [0, 1, 2, 0],
    [1, 2, 0, 1],
  ]);
});

it('has bytes where the run keeps no vocabulary, and tokens of the file that it keeps', async () => {
  expect(idsOf(await read('aé', {}, readsOf(3, 'text')), 'text')).toEqual([97, 0xc3, 0xa9]);
  const content = Buffer.from(JSON.stringify(tokenizerJson('one two one two', 6)));
  writeFileSync(join(folder, KEPT_VOCABULARY), content);
  const { file, idsOf: expected } = await bytePairs('t.json', content);
  const input = await read('one two one two', { vocabulary: { sha256: file.sha256 } }, readsOf(2, 'text'));
  expect(idsOf(input, 'text')).toEqual(expected('one two one two'));
  await expect(read('one', { vocabulary: { sha256: 'other' } }, readsOf(1, 'text'))).rejects.toMatchObject({
    code: 'data/changed',
  });
});

it.each([
  ['abd', 'character 3, "d", is not among the 3 of the training text', 'it has "abc"'],
  ['ab', '2 characters are fewer than a window of 3', '--prompt TEXT'],
])('refuses %s with a repair', async (content, message, repair) => {
  await expect(read(content, letters, readsOf(3, 'text'))).rejects.toMatchObject({
    code: 'data/format',
    message: expect.stringContaining(message),
    repair: expect.stringContaining(repair),
  });
});

it('is read so for tasks of texts alone', () => {
  const planOf = (source: string): Plan => ({ training: { data: { source } } }) as unknown as Plan;
  const bytes = { inputs: [{ name: 'text', type: 'u8', shape: [3] }] } as unknown as PlanPrediction;
  expect(isTextOfRun('x.txt', planOf('text'), readsOf(3, 'text'))).toBe(true);
  expect(isTextOfRun('x.txt.gz', planOf('shakespeare'), readsOf(3, 'text', 'next'))).toBe(true);
  expect(isTextOfRun('x.npz', planOf('text'), readsOf(3, 'text'))).toBe(false);
  expect(isTextOfRun('x.txt', planOf('file'), readsOf(3, 'text'))).toBe(false);
  expect(isTextOfRun('x.txt', planOf('text'), readsOf(3, 'words'))).toBe(false);
  expect(isTextOfRun('x.txt', planOf('text'), bytes)).toBe(false);
});
