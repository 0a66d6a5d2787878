/** `data.shakespeare`: the tiny Shakespeare text, read as any other. */
import { join } from 'node:path';
import type { Dataset } from '../dataset.ts';
import { findFile } from '../directory.ts';
import { openText, type TextOptions } from './text.ts';

const NAMES = ['tinyshakespeare.txt', 'input.txt'].flatMap((name) => [name, `${name}.gz`]);

export async function openShakespeare(directory: string, options: Omit<TextOptions, 'name'>): Promise<Dataset> {
  const folders = ['shakespeare', 'text'].map((name) => join(directory, name));
  return openText(await findFile(folders, NAMES, 'shakespeare'), { ...options, name: 'shakespeare' });
}
