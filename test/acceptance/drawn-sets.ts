/** Noise in place of data sets that would have to be fetched: what is compared is not what was learnt. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A label, and three planes of 32 × 32. */
const CIFAR_RECORD_BYTES = 1 + 3 * 32 * 32;

/**
 * In the formats of MNIST and CIFAR-10.
 *
 * @param samples to train on, of MNIST
 * @returns what `--data` names
 */
export function drawnSets(folder: string, samples = 60_000): string {
  const data = join(folder, 'data');
  const [mnist, cifar10] = [join(data, 'mnist'), join(data, 'cifar-10')];
  for (const place of [mnist, cifar10]) mkdirSync(place, { recursive: true });
  for (const [split, count] of [
    ['train', samples],
    ['t10k', 10_000],
  ] as const) {
    writeFileSync(
      join(mnist, `${split}-images-idx3-ubyte`),
      idx([count, 28, 28], (i) => (i * 7919 + (i >> 7)) % 256),
    );
    writeFileSync(
      join(mnist, `${split}-labels-idx1-ubyte`),
      idx([count], (i) => i % 10),
    );
  }
  const records = new Uint8Array(200 * CIFAR_RECORD_BYTES);
  for (let i = 0; i < records.length; i++)
    records[i] = i % CIFAR_RECORD_BYTES === 0 ? (i / CIFAR_RECORD_BYTES) % 10 : i;
  for (const name of ['data_batch_1.bin', 'test_batch.bin']) writeFileSync(join(cifar10, name), records);
  return data;
}

function idx(sizes: readonly number[], value: (i: number) => number): Uint8Array {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.set([0, 0, 8, sizes.length]);
  for (const [d, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * d);
  const count = sizes.reduce((product, n) => product * n, 1);
  const bytes = new Uint8Array(header.length + count);
  bytes.set(header);
  for (let i = 0; i < count; i++) bytes[header.length + i] = value(i);
  return bytes;
}
