import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../../runtime/data/catalogue.ts';
import type { Dataset } from '../../../runtime/data/dataset.ts';
import { type DataReference, openDataset } from '../../../runtime/data/open.ts';
import { cifar, idx, temporaryFolder } from './fixtures.ts';

const folder = temporaryFolder();
const write = (name: string, bytes: Uint8Array | string): void => {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, bytes);
};
const open = (reference: DataReference, under = '.'): Promise<Dataset> =>
  openDataset(reference, { seed: 1, dataDirectory: join(folder, under) });
const digits = (n: number): Uint8Array =>
  idx(
    [n, 28, 28],
    Array.from({ length: n * 784 }, (_, i) => Math.floor(i / 784)),
  );

describe('digit sets', () => {
  it('are read packed or not, by dashed and dotted names', async () => {
    write('a/mnist/train-images-idx3-ubyte.gz', gzipSync(digits(5)));
    write('a/mnist/train-labels.idx1-ubyte', idx([5], [0, 9, 2, 3, 4]));
    write('a/fashion-mnist/t10k-images-idx3-ubyte', digits(2));
    write('a/fashion-mnist/t10k-labels-idx1-ubyte', idx([2], [1, 0]));
    const train = await open({ source: 'mnist', split: 'train', range: [1, 3] }, 'a');
    expect([train.name, train.length, train.fields]).toEqual(['mnist.train[1..3]', 3, CATALOGUE.mnist.fields]);
    const labels = new Int32Array(2);
    train.gather('digit', [0, 2], labels);
    const image = new Uint8Array(784);
    train.gather('image', [2], image);
    expect([[...labels], image[0], image[783]]).toEqual([[9, 3], 3, 3]);
    expect((await open({ source: 'fashion_mnist', split: 'test' }, 'a')).length).toBe(2);
  });

  it.each([
    ['labels out of range', digits(2), idx([2], [3, 10]), 'byte 9: label 10 of sample 2 is not from 0 to 9'],
    ['counts', digits(2), idx([3], [1, 2, 3]), 'byte 4: 3 labels, but'],
    ['shape', idx([1, 2, 2], [1, 2, 3, 4]), idx([1], [1]), 'expected N x 28 x 28 of u8, found 1 x 2 x 2 of u8'],
    ['swapped files', idx([1], [1]), digits(1), 'expected N x 28 x 28'],
  ])('are refused with the reason: %s', async (_, images, labels, message) => {
    write('b/mnist/train-images-idx3-ubyte', images);
    write('b/mnist/train-labels-idx1-ubyte', labels);
    const failure = open({ source: 'mnist', split: 'train' }, 'b');
    await expect(failure).rejects.toMatchObject({ code: 'data/format', message: expect.stringContaining(message) });
  });

  it('that are missing say where they were looked for and how to get them', async () => {
    const failure = open({ source: 'fashion_mnist', split: 'train' }, 'nowhere');
    await expect(failure).rejects.toMatchObject({
      name: 'UserError',
      code: 'data/missing',
      message: expect.stringContaining(join(folder, 'nowhere', 'fashion-mnist')),
      repair: expect.stringContaining('nmc data get fashion-mnist'),
    });
  });
});

describe('CIFAR-10', () => {
  it('takes the batches that exist and puts channels last', async () => {
    write('c/cifar-10/data_batch_1.bin.gz', gzipSync(cifar(3)));
    write('c/cifar-10/data_batch_4.bin', cifar(2));
    const set = await open({ source: 'cifar10', split: 'train' }, 'c');
    expect([set.length, set.fields, set.origin]).toEqual([
      5,
      CATALOGUE.cifar10.fields,
      `${join(folder, 'c', 'cifar-10')} (2 of 5 batches)`,
    ]);
    const image = new Uint8Array(3072);
    set.gather('image', [2], image);
    expect([...image.subarray(0, 6), ...image.subarray(-3)]).toEqual([6, 7, 8, 6, 7, 8, 6, 7, 8]);
    const labels = new Int32Array(5);
    set.gather('label', [0, 1, 2, 3, 4], labels);
    expect([...labels]).toEqual([0, 1, 2, 0, 1]);
  });

  it('is refused with the reason', async () => {
    write('d/cifar-10/test_batch.bin', cifar(2).subarray(0, 5000));
    const cut = open({ source: 'cifar10', split: 'test' }, 'd');
    await expect(cut).rejects.toThrow('byte 3073: records have 3073 bytes each, but the file has 5000');
    const bad = cifar(2);
    bad[3073] = 77;
    write('d/cifar-10/test_batch.bin', bad);
    const wrong = open({ source: 'cifar10', split: 'test' }, 'd');
    await expect(wrong).rejects.toThrow('byte 3073: label 77 of record 2 is not from 0 to 9');
    await expect(open({ source: 'cifar10', split: 'train' }, 'd')).rejects.toMatchObject({ code: 'data/missing' });
  });
});

describe('openDataset', () => {
  it('cuts Shakespeare into train, validation and test', async () => {
    write('e/text/tinyshakespeare.txt', 'To be, or not to be. '.repeat(100));
    const options = { window: 10 };
    const parts = ['train', 'validation', 'test'].map((split) => open({ source: 'shakespeare', split, options }, 'e'));
    expect((await Promise.all(parts)).map((part) => [part.name, part.length, part.fields[0]?.shape])).toEqual([
      ['shakespeare.train', 188, [10]],
      ['shakespeare.validation', 10, [10]],
      ['shakespeare.test', 10, [10]],
    ]);
  });

  it('passes its options to glyphs', async () => {
    const plain = await open({ source: 'glyphs', split: 'test' });
    const rotated = await open({ source: 'glyphs', split: 'test', options: { rotated: true, samples: 7 } });
    const [a, b] = [new Uint8Array(784), new Uint8Array(784)];
    plain.gather('image', [0], a);
    rotated.gather('image', [0], b);
    expect([plain.fields, rotated.length]).toEqual([CATALOGUE.glyphs.fields, 7]);
    expect(a).not.toEqual(b);
  });

  it.each<[DataReference, string]>([
    [{ source: 'nist', split: 'train' }, 'data/source'],
    [{ source: 'constructor', split: 'train' }, 'data/source'],
    [{ source: 'glyphs', split: 'dev' }, 'data/split'],
    [{ source: 'glyphs', split: 'train', options: { color: 1 } }, 'data/option'],
    [{ source: 'glyphs', split: 'train', options: { samples: 0.5 } }, 'data/option'],
    [{ source: 'glyphs', split: 'train', range: [0, 10_000] }, 'data/range'],
    [{ source: 'file', split: '' }, 'data/source'],
  ])('refuses %j', async (reference, code) => {
    await expect(open(reference)).rejects.toMatchObject({ name: 'UserError', code });
  });
});
