/** Whether the file that a run was made from still holds the model that the run goes on with. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RunConfig } from '../../store/run-config.ts';

/** @returns what to say of it; nothing where the file is gone, since the run has the text itself */
export function modelEdited({ source, settings }: RunConfig): string | undefined {
  const { folder } = settings;
  if (typeof folder !== 'string') return undefined;
  const path = join(folder, basename(source.path));
  try {
    if (readFileSync(path, 'utf8') === source.text) return undefined;
  } catch {
    return undefined;
  }
  return `${path} was edited since this run began: the run goes on with its own model, not with that file`;
}
