/** Labels that are words: their numbers, their names, and the words that leave doubt. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alignClasses } from '../../../runtime/data/classes.ts';
import type { Dataset, Field } from '../../../runtime/data/dataset.ts';
import { assertUnchanged, fingerprintOf } from '../../../runtime/data/fingerprint.ts';
import { checkLabels } from '../../../runtime/data/labels.ts';
import { openFile } from '../../../runtime/data/sources/file.ts';
import { parquet, temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();
const kind: Field = { name: 'kind', type: 'i32', shape: [] };
const x: Field = { name: 'x', type: 'f32', shape: [2] };
let files = 0;

function open(ending: string, content: string | Uint8Array, fields: readonly Field[] = [x, kind]): Promise<Dataset> {
  const path = join(folder, `${files++}.${ending}`);
  writeFileSync(path, content);
  return openFile(path, fields, 1);
}

function kinds(dataset: Dataset): number[] {
  const out = new Int32Array(dataset.length);
  dataset.gather(
    'kind',
    out.map((_, i) => i),
    out,
  );
  return [...out];
}

const csv = (...words: string[]): string => `x[0],x[1],kind\n${words.map((word, i) => `${i},1,${word}\n`).join('')}`;

describe('a column of words that a field of whole numbers reads', () => {
  const written = ['oak', 'ash', 'oak', 'élm', 'Yew'];
  it.each([
    ['CSV', 'csv', csv(...written)],
    ['JSON lines', 'jsonl', written.map((word) => `${JSON.stringify({ x: [1, 2], kind: word })}\n`).join('')],
    [
      'Parquet',
      'parquet',
      parquet([
        { name: 'x[0]', data: Float32Array.of(1, 2, 3, 4, 5), type: 'FLOAT' },
        { name: 'x[1]', data: Float32Array.of(1, 2, 3, 4, 5), type: 'FLOAT' },
        { name: 'kind', data: written, type: 'STRING' },
      ]),
    ],
  ])('has its classes numbered in the order of their code points: %s', async (_, ending, content) => {
    const dataset = await open(ending, content);
    expect(dataset.classes).toEqual({ kind: ['Yew', 'ash', 'oak', 'élm'] });
    expect(kinds(dataset)).toEqual([2, 1, 2, 3, 0]);
  });

  it('is found beside columns that are found by their position', async () => {
    const dataset = await open('csv', 'width,height,kind\n1,2,b\n3,4,a\n');
    expect(kinds(dataset)).toEqual([1, 0]);
    const out = new Float32Array(4);
    dataset.gather('x', [0, 1], out);
    expect([...out]).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['an empty cell', csv('oak', '', 'ash'), 'row 3, column `kind`: the cell is empty'],
    ['a first cell that is empty', csv('', 'oak'), 'row 2, column `kind`: the cell is empty'],
    ['a word that may say that a value is missing', csv('oak', 'none'), '"none" may be the name of a class, or say'],
    ['two words that look the same', csv('oak', 'ash', 'oak\u200b'), 'are two classes, or one'],
    ['two words that differ in their case', csv('oak', 'ash', 'Oak'), '"Oak" and "oak" are two classes, or one'],
    ['a number among the words', csv('oak', '7'), '"oak" is not a number, but row 3 has 7'],
    ['a word among the numbers', csv('7', 'oak'), '"oak" is not a number'],
  ])('is refused with %s', async (_, content, message) => {
    await expect(open('csv', content)).rejects.toThrow(message);
  });

  it.each([
    ['null', '{"kind": "oak"}\n{"kind": null}\n', 'line 2, `kind`: null, where other lines have a word'],
    ['a number', '{"kind": 3}\n{"kind": "oak"}\n', 'line 1, `kind`: 3, where other lines have a word'],
    ['nothing', '{"kind": "oak"}\n{"x": 1}\n', 'line 2, `kind`: nothing, where other lines have a word'],
  ])('is refused with %s in a line of JSON', async (_, content, message) => {
    await expect(open('jsonl', content, [kind])).rejects.toThrow(message);
  });

  it('is refused where each sample has a word of its own', async () => {
    const many = Array.from({ length: 65_537 }, (_, i) => `w${i}`);
    await expect(open('csv', csv(...many))).rejects.toThrow('more than 65536 different words');
  });

  it('is refused by a field of floating point, since it is not numbers', async () => {
    await expect(open('csv', csv('oak', 'ash'), [{ name: 'kind', type: 'f32', shape: [] }])).rejects.toThrow(
      '"oak" is not a number',
    );
  });
});

describe('classes of words', () => {
  it('have the numbers of training in later data, and a new one is refused', async () => {
    const train = await open('csv', csv('oak', 'ash', 'elm'));
    const later = await open('csv', csv('oak', 'ash'));
    expect(kinds(alignClasses(later, train.classes, ['x', 'kind']))).toEqual([2, 0]);
    const other = await open('csv', csv('oak', 'fir'));
    expect(() => alignClasses(other, train.classes, ['kind'])).toThrow('has the class fir');
  });

  it('are not compared with numbers, in either order', async () => {
    const [words, numbers] = [await open('csv', csv('oak', 'ash')), await open('csv', csv('0', '1'))];
    expect(() => alignClasses(numbers, words.classes, ['kind'])).toThrow('numbers the classes of `kind`');
    expect(() => alignClasses(words, numbers.classes, ['kind'])).toThrow('names the classes of `kind` (ash, oak)');
    expect(kinds(alignClasses(words, undefined, ['x']))).toEqual([1, 0]);
  });

  it('that are renamed count as changed data for a run that is resumed', async () => {
    const [before, after] = [await open('csv', csv('oak', 'ash')), await open('csv', csv('yew', 'fir'))];
    const record = { train: fingerprintOf(before, ['x', 'kind']), leftOut: 0, classes: before.classes ?? {} };
    assertUnchanged(before, record);
    expect(() => assertUnchanged(after, record)).toThrow('the classes of `kind` are fir, yew now');
  });

  it('that one_hot has no room for are reported with their number', async () => {
    const dataset = await open('csv', csv('oak', 'ash', 'elm'));
    expect(() => checkLabels(dataset, [{ name: 'kind', labels: [0, 1] }])).toThrow('has places for 0 to 1');
    try {
      checkLabels(dataset, [{ name: 'kind', labels: [0, 1] }]);
    } catch (error) {
      expect(String((error as { repair?: string }).repair)).toContain('one_hot(sample.kind, 3)');
    }
  });
});
