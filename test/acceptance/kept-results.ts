/** Tables that parts have measured, each with the day and the machine: `--report` writes all of them at once. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Table } from './row.ts';

export interface KeptResult {
  /** When and where it was measured, one sentence. */
  readonly stamp: string;
  readonly table: Table;
}

/** It takes the place of what the part has measured before. @param root of the repository */
export function keepResult(root: string, result: KeptResult): void {
  const folder = folderOf(root);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${result.table.name}.json`), JSON.stringify(result));
}

/** Of all parts, by their names. */
export function keptResults(root: string): KeptResult[] {
  const folder = folderOf(root);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as KeptResult);
}

function folderOf(root: string): string {
  return join(root, '.cache', 'acceptance', 'results');
}
