/** CIFAR-10 in the binary format: records of a label byte and 3 planes of 32 × 32 bytes, in up to five batches. */
import { join } from 'node:path';
import { ofPresent, zeroed, zeroedBytes } from '../../support/bounded.ts';
import { type Dataset, type Field, memoryDataset } from '../dataset.ts';
import { exists, missing } from '../directory.ts';
import { badData } from '../formats/bad-data.ts';
import { readBytes } from '../formats/bytes.ts';

const PIXELS = 32 * 32;
const CHANNELS = 3;
const RECORD = 1 + CHANNELS * PIXELS;
const CLASSES = 10;

const BATCHES: Readonly<Record<string, readonly string[]>> = {
  train: [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`),
  test: ['test_batch.bin'],
};

/** Whatever batches of the split are there, in order, with any number of records. */
export async function openCifar10(directory: string, split: string, fields: readonly Field[]): Promise<Dataset> {
  const folders = ['cifar-10', join('cifar-10', 'cifar-10-batches-bin')].map((name) => join(directory, name));
  const files = await presentBatches(folders, BATCHES[split] ?? []);
  const batches = await Promise.all(files.map(async (path) => ({ path, bytes: await readBytes(path) })));
  for (const { path, bytes } of batches) checkBatch(path, bytes);
  const records = batches.reduce((sum, { bytes }) => sum + bytes.length / RECORD, 0);
  const images = zeroedBytes(ofPresent(records * CHANNELS * PIXELS));
  const labels = zeroed(Int32Array, ofPresent(records));
  let record = 0;
  for (const { bytes } of batches) {
    for (let at = 0; at < bytes.length; at += RECORD, record++) {
      labels[record] = bytes[at] as number;
      channelsLast(bytes, at + 1, images, record * CHANNELS * PIXELS);
    }
  }
  const [imageField, labelField] = fields as readonly [Field, Field];
  const origin = folders.find((folder) => files[0]?.startsWith(folder)) ?? directory;
  return memoryDataset(`cifar10.${split}`, `${origin} (${files.length} of ${BATCHES[split]?.length} batches)`, [
    { field: imageField, data: images },
    { field: labelField, data: labels },
  ]);
}

async function presentBatches(folders: readonly string[], names: readonly string[]): Promise<string[]> {
  for (const folder of folders) {
    const files: string[] = [];
    for (const name of names) {
      const candidates = [join(folder, name), join(folder, `${name}.gz`)];
      for (const path of candidates) {
        if (await exists(path)) {
          files.push(path);
          break;
        }
      }
    }
    if (files.length > 0) return files;
  }
  throw missing(folders, names, 'cifar-10');
}

function checkBatch(path: string, bytes: Uint8Array): void {
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    const place = `byte ${bytes.length - (bytes.length % RECORD)}`;
    throw badData(path, place, `records have ${RECORD} bytes each, but the file has ${bytes.length}: it is cut off`);
  }
  for (let at = 0; at < bytes.length; at += RECORD) {
    if ((bytes[at] as number) < CLASSES) continue;
    const problem = `label ${bytes[at]} of record ${at / RECORD + 1} is not from 0 to 9`;
    throw badData(path, `byte ${at}`, problem, 'use the binary version, cifar-10-binary.tar.gz');
  }
}

function channelsLast(from: Uint8Array, start: number, to: Uint8Array, at: number): void {
  for (let p = 0; p < PIXELS; p++) {
    const out = at + CHANNELS * p;
    to[out] = from[start + p] as number;
    to[out + 1] = from[start + PIXELS + p] as number;
    to[out + 2] = from[start + 2 * PIXELS + p] as number;
  }
}
