import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Field } from '../../../runtime/data/dataset.ts';
import { type Input, readInput } from '../../../runtime/data/read-input.ts';
import { greyPng, idx, npyF32, npz, temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();
const image: Field = { name: 'image', type: 'u8', shape: [2, 2] };
const other: Field = { name: 'other', type: 'f32', shape: [] };
const put = (name: string, bytes: Uint8Array | string): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

async function* lines(...pieces: string[]): AsyncIterable<string> {
  yield* pieces;
}

function rows({ dataset }: Input, name: string): number[] {
  const out = name === 'image' ? new Uint8Array(4 * dataset.length) : new Float32Array(dataset.length);
  dataset.gather(
    name,
    Array.from({ length: dataset.length }, (_, i) => i),
    out,
  );
  return [...out];
}

describe('readInput', () => {
  it.each([
    ['a.npy', npyF32([2, 4], [1, 2, 3, 4, 5, 6, 7, 8])],
    ['a.idx', idx([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])],
    ['a.csv', '1,2,3,4\n5,6,7,8\n'],
    ['b.csv', 'image0,image1,image2,image3\n1,2,3,4\n5,6,7,8\n'],
    ['a.npz', npz({ image: npyF32([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]) })],
    ['a.jsonl', '{"image": [[1, 2], [3, 4]]}\n{"image": [5, 6, 7, 8]}'],
  ])('reads %s into the wanted field', async (name, bytes) => {
    const input = await readInput(put(name, bytes), [image]);
    expect(input.dataset.fields).toEqual([image]);
    expect([rows(input, 'image'), input.names]).toEqual([
      [1, 2, 3, 4, 5, 6, 7, 8],
      ['1', '2'],
    ]);
  });

  it('reads pictures with their names', async () => {
    mkdirSync(join(folder, 'pictures'));
    put(
      'pictures/seven.png',
      greyPng(2, 2, (x, y) => x + 2 * y),
    );
    put(
      'pictures/eight.png',
      greyPng(2, 2, () => 8),
    );
    const input = await readInput(join(folder, 'pictures'), [image]);
    expect([rows(input, 'image'), input.names]).toEqual([
      [8, 8, 8, 8, 0, 1, 2, 3],
      ['eight.png', 'seven.png'],
    ]);
  });

  it('reads JSON lines from standard input, in any pieces', async () => {
    const source = lines(
      '{"image": [1, 2,',
      ' 3, 4], "other": 0.5}\n{"other": 2, "image": [[5, 6], [7, 8]], "more": "x"}',
    );
    const input = await readInput('-', [image, other], source);
    expect([rows(input, 'image'), rows(input, 'other')]).toEqual([
      [1, 2, 3, 4, 5, 6, 7, 8],
      [0.5, 2],
    ]);
  });

  it.each([
    ['too few', '{"image": [1, 2, 3]}', 'standard input: line 1, `image`: 3 numbers, but 4 are needed'],
    ['a wrong name', '{"image": [1, 2, 3, 4]}\n{"imgae": [1, 2, 3, 4]}', 'line 2: `image` is missing'],
    [
      'a large number',
      '{"image": [1, 2, 3, 256]}',
      'line 1, `image`, element 4: 256 is not a whole number from 0 to 255',
    ],
    ['no object', '[1, 2]', 'line 1: an object is needed'],
    ['no JSON', '{"image": ', 'line 1: no JSON'],
    ['nothing', '', 'no line holds a sample'],
    ['deep nesting', `{"image": ${'['.repeat(5000)}${']'.repeat(5000)}}`, '0 numbers, but 4 are needed'],
  ])('refuses an input with the reason: %s', async (_, text, message) => {
    const failure = readInput('-', [image], lines(text));
    await expect(failure).rejects.toMatchObject({ name: 'UserError', message: expect.stringContaining(message) });
  });

  describe('an input of texts', () => {
    const text: Field = { name: 'text', type: 'u8', shape: [4] };
    const next: Field = { name: 'next', type: 'u8', shape: [4] };
    const bytes = async (input: Promise<Input>, field = 'text'): Promise<string> => {
      const { dataset } = await input;
      const out = new Uint8Array(4 * dataset.length);
      dataset.gather(field, [...Array(dataset.length).keys()], out);
      return new TextDecoder().decode(out);
    };

    it('takes every whole piece of a file, the last one, too', async () => {
      expect(await bytes(readInput(put('a.txt', 'one two '), [text]))).toBe('one two ');
      expect(await bytes(readInput(put('b.txt', 'one two+'), [text, next]), 'next')).toBe('ne t');
    });

    it('takes a word of JSON as its bytes', async () => {
      expect(await bytes(readInput('-', [text], lines('{"text": "gré"}')))).toBe('gré');
    });

    it.each([
      [
        'a file that is too short',
        () => readInput(put('c.txt', 'one'), [text]),
        '3 bytes are too few for one piece of 4',
      ],
      ['a word that is too short', () => readInput('-', [text], lines('{"text": "one"}')), '3 bytes of text, but 4'],
      ['a word for a picture', () => readInput('-', [image], lines('{"image": "AAAA"}')), '"AAAA" is not a number'],
    ])('refuses %s', async (_, read, message) => {
      await expect(read()).rejects.toMatchObject({ code: 'data/format', message: expect.stringContaining(message) });
    });
  });

  it('does not take one array for two fields', async () => {
    const failure = readInput(put('c.npy', npyF32([1, 4], [1, 2, 3, 4])), [image, other]);
    await expect(failure).rejects.toMatchObject({ code: 'data/field' });
  });
});
