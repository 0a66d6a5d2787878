/** `data.shakespeare`: the tiny Shakespeare text; its first nine tenths train, the rest tests. */
import { join } from 'node:path';
import type { Dataset } from '../dataset.ts';
import { findFile } from '../directory.ts';
import { readBytes } from '../formats/bytes.ts';
import { textDataset } from '../formats/text.ts';

const NAMES = ['tinyshakespeare.txt', 'input.txt'].flatMap((name) => [name, `${name}.gz`]);

export async function openShakespeare(directory: string, split: string, length: number): Promise<Dataset> {
  const folders = ['shakespeare', 'text'].map((name) => join(directory, name));
  const path = await findFile(folders, NAMES, 'shakespeare');
  const bytes = await readBytes(path);
  const border = Math.floor(bytes.length * 0.9);
  const part = split === 'test' ? bytes.subarray(border) : bytes.subarray(0, border);
  return textDataset(`shakespeare.${split}`, path, part, length);
}
