/** `data.file("x.npz", …)`: one's own data, of any format that is known. */
import type { Dataset, Field } from '../dataset.ts';
import { readBytes } from '../formats/bytes.ts';
import { readTable } from '../formats/read-table.ts';
import { tableDataset } from '../formats/table.ts';
import { textDataset } from '../formats/text.ts';

/** @param textLength bytes per sample of a text file */
export async function openFile(
  path: string,
  fields: readonly Field[] | undefined,
  textLength: number,
): Promise<Dataset> {
  if (/\.(txt|text)(\.gz)?$/i.test(path)) return textDataset(path, path, await readBytes(path), textLength);
  return tableDataset(path, await readTable(path, fields), fields);
}
