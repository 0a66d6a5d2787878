/** `data.file("x.npz", …)`: the user's own data, in any known format. */
import { stat } from 'node:fs/promises';
import { type Dataset, describeField, type Field, sizeOf } from '../dataset.ts';
import { badData } from '../formats/bad-data.ts';
import { readBytes } from '../formats/bytes.ts';
import { openNpyFile } from '../formats/npy-file.ts';
import { readTable } from '../formats/read-table.ts';
import { tableDataset } from '../formats/table.ts';
import { textDataset } from '../formats/text.ts';

/** @param textLength bytes per sample of a text file where no field says it */
export async function openFile(
  path: string,
  fields: readonly Field[] | undefined,
  textLength: number,
): Promise<Dataset> {
  if (isText(path)) return openText(path, fields, textLength);
  const [field] = fields ?? [];
  const large =
    /\.npy$/i.test(path) && field && fields?.length === 1 && (await isFile(path))
      ? openNpyFile(path, field)
      : undefined;
  return large ?? tableDataset(path, await readTable(path, fields), fields);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

export const isText = (path: string): boolean => /\.(txt|text)(\.gz)?$/i.test(path);

/** Rows of a text: its pieces, one after the other; a rest that is shorter is left out. */
export function openTextInput(path: string, fields: readonly Field[]): Promise<Dataset> {
  return openText(
    path,
    fields,
    1,
    fields.some((field) => field.name === 'next'),
  );
}

async function openText(
  path: string,
  fields: readonly Field[] | undefined,
  textLength: number,
  withNext = true,
): Promise<Dataset> {
  const [first] = fields ?? [];
  const length = first ? sizeOf(first) : textLength;
  for (const field of fields ?? []) {
    if ((field.name === 'text' || field.name === 'next') && field.type === 'u8' && sizeOf(field) === length) continue;
    const problem = `a text has the fields \`text\` and \`next\` of u8[${length}], not \`${field.name}\`: ${describeField(field)}`;
    throw badData(path, '', problem);
  }
  return textDataset(path, path, await readBytes(path), length, withNext);
}
