/** Texts as windows of ids, divided by position. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../../runtime/data/dataset.ts';
import { openDataset } from '../../../runtime/data/open.ts';
import { temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();
mkdirSync(folder, { recursive: true });
let files = 0;

function open(content: string | Uint8Array, split: string, options: Record<string, number | string>): Promise<Dataset> {
  const path = join(folder, `${files++}.txt`);
  writeFileSync(path, content);
  return openDataset({ source: 'text', split, path, options: { ...options, path } }, { seed: 1 });
}

function rows(data: Dataset, field: 'text' | 'next', indices: readonly number[]): string[] {
  const [{ shape } = { shape: [] }] = data.fields;
  const size = shape[0] ?? 0;
  const out = new Int32Array(size * indices.length);
  data.gather(field, indices, out);
  const names = data.classes?.[field] ?? [];
  return indices.map((_, k) => [...out.subarray(k * size, (k + 1) * size)].map((id) => names[id]).join(''));
}

/** 100 characters, so that parts end at 90 and 95. */
const HUNDRED = Array.from({ length: 100 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
const at = (from: number, to: number): string => HUNDRED.slice(from, to);

describe('a text', () => {
  it('is divided by position, nine tenths to train and a twentieth each to validate and test', async () => {
    const [train, validation, test] = await Promise.all(
      ['train', 'validation', 'test'].map((split) => open(HUNDRED, split, { window: 4 })),
    );
    expect([train, validation, test].map((part) => part?.length)).toEqual([22, 1, 1]);
    expect(train && rows(train, 'text', [0, 21])).toEqual([at(0, 4), at(84, 88)]);
    expect(train && rows(train, 'next', [0, 21])).toEqual([at(1, 5), at(85, 89)]);
    expect(validation && rows(validation, 'text', [0])).toEqual([at(90, 94)]);
    expect(test && rows(test, 'next', [0])).toEqual([at(96, 100)]);
  });

  it('has overlapping windows with a stride, the last of which still has a character behind it', async () => {
    const train = await open(HUNDRED, 'train', { window: 4, stride: 1 });
    expect([train.length, ...rows(train, 'next', [85])]).toEqual([86, at(86, 90)]);
    expect((await open(HUNDRED, 'train', { window: 4, stride: 3 })).length).toBe(29);
  });

  it('has its characters in the order of their code points, those beyond 16 bits whole', async () => {
    const data = await open('b😀a\n'.repeat(30), 'train', { window: 4 });
    expect(data.classes?.text).toEqual(['\n', 'a', 'b', '😀']);
    expect(data.classes?.next).toEqual(data.classes?.text);
    expect(rows(data, 'text', [0])).toEqual(['b😀a\n']);
  });

  it('has bytes without a vocabulary, whatever they are', async () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => 255 - i);
    const data = await open(bytes, 'train', { window: 3, unit: 'bytes' });
    const out = new Int32Array(3);
    data.gather('next', [1], out);
    expect([data.classes, ...out]).toEqual([undefined, 251, 250, 249]);
  });

  it.each([
    ['is empty', '', {}, 'the file is empty'],
    ['has a zero byte', `${'a'.repeat(300)}\0${'a'.repeat(300)}`, { window: 4 }, 'byte 300: a zero byte'],
    [
      'is no UTF-8',
      Buffer.concat([Buffer.from('é'.repeat(9)), Buffer.of(0xff, 0x61)]),
      { window: 1 },
      'byte 18: this is not',
    ],
    ['ends within a character', Buffer.from('aé').subarray(0, 2), { window: 1 }, 'byte 1: this is not UTF-8'],
    ['is too short', 'a'.repeat(100), { window: 5 }, 'its part `test` has 5 of 100 characters'],
    ['has an odd unit', 'a'.repeat(100), { window: 1, unit: 'words' }, '`unit` must be characters or bytes'],
    ['has no window', 'a'.repeat(100), { window: 0 }, '`window` must be a whole number from 1'],
  ])('is refused where it %s', async (_, content, options, message) => {
    await expect(open(content, 'test', options as Record<string, number>)).rejects.toThrow(message);
  });

  it('is long enough where the refusal of a shorter one says so', async () => {
    const failure = await open('a'.repeat(100), 'test', { window: 5 }).catch((error: unknown) => error);
    const needed = Number(/at least (\d+)/.exec(String((failure as { repair?: string }).repair))?.[1]);
    for (const split of ['train', 'validation', 'test'])
      expect((await open('a'.repeat(needed), split, { window: 5 })).length).toBeGreaterThan(0);
  });
});
