/** MNIST and sets of its form: one IDX file of images and one of labels per split. */
import { join } from 'node:path';
import { type Dataset, type Field, memoryDataset } from '../dataset.ts';
import { findFile } from '../directory.ts';
import { badData } from '../formats/bad-data.ts';
import { readBytes } from '../formats/bytes.ts';
import { type NumberArray, parseIdx } from '../formats/idx.ts';

const CLASSES = 10;

/** `train-images-idx3-ubyte`, the dotted variant, and both packed. */
function fileNames(split: string, what: 'images' | 'labels'): string[] {
  const stem = `${split === 'test' ? 't10k' : 'train'}-${what}`;
  const rank = what === 'images' ? 3 : 1;
  return ['-', '.'].flatMap((mark) => ['', '.gz'].map((end) => `${stem}${mark}idx${rank}-ubyte${end}`));
}

/** @param set the name in the language, @param folderName the folder under the data directory */
export async function openDigits(
  directory: string,
  { set, folderName, split, fields }: { set: string; folderName: string; split: string; fields: readonly Field[] },
): Promise<Dataset> {
  const folder = join(directory, folderName);
  const command = set.replace('_', '-');
  const [imageFile, labelFile] = await Promise.all([
    findFile([folder], fileNames(split, 'images'), command),
    findFile([folder], fileNames(split, 'labels'), command),
  ]);
  const [imageBytes, labelBytes] = await Promise.all([readBytes(imageFile), readBytes(labelFile)]);
  const images = parseIdx(imageFile, imageBytes);
  const labels = parseIdx(labelFile, labelBytes);
  const [imageField, labelField] = fields as readonly [Field, Field];
  checkImages(imageFile, images, imageField);
  checkLabels(labelFile, labels, images.sizes[0] as number, imageFile);
  return memoryDataset(`${set}.${split}`, folder, [
    { field: imageField, data: images.data },
    { field: labelField, data: Int32Array.from(labels.data) },
  ]);
}

function checkImages(path: string, images: NumberArray, field: Field): void {
  const shape = images.sizes.slice(1);
  if (images.type === 'u8' && shape.length === 2 && shape.every((size, d) => size === field.shape[d])) return;
  const found = `${images.sizes.join(' x ')} of ${images.type}`;
  throw badData(path, 'byte 2', `expected N x ${field.shape.join(' x ')} of u8, found ${found}`);
}

function checkLabels(path: string, labels: NumberArray, samples: number, imageFile: string): void {
  if (labels.sizes.length !== 1 || labels.type !== 'u8') {
    throw badData(path, 'byte 2', `expected N of u8, found ${labels.sizes.join(' x ')} of ${labels.type}`);
  }
  if (labels.sizes[0] !== samples) {
    throw badData(path, 'byte 4', `${labels.sizes[0]} labels, but ${imageFile} has ${samples} images`);
  }
  const wrong = labels.data.findIndex((label: number) => label >= CLASSES);
  if (wrong < 0) return;
  throw badData(path, `byte ${8 + wrong}`, `label ${labels.data[wrong]} of sample ${wrong + 1} is not from 0 to 9`);
}
