/** What attacks have found so far, in `.cache/attacks`, for as long as the code that decides it is the same. */
import { join } from 'node:path';
import { codeKey } from '../support/code-key.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { type Found, type TryOptions, tryAll } from './kept-blocks.ts';
import { trialsOf, type Wanted } from './trials.ts';

export interface KeptOptions extends Omit<TryOptions, 'folder'> {
  /** Of the repository. */
  readonly root: string;
  /** What was found before does not count. */
  readonly fresh: boolean;
}

export async function keptTrials(wanted: Wanted, { root, fresh, ...options }: KeptOptions): Promise<Found> {
  const folder = join(root, '.cache/attacks/kept', await codeKey(root, 'test/attacks/trials.ts'));
  if (fresh) removeFolder(folder);
  return tryAll(trialsOf(wanted), { folder, ...options });
}

/** Of one of them: nothing where there was no time for it yet. */
export function foundOf<T>(found: Found, name: string): readonly T[] {
  return (found.get(name) ?? []) as readonly T[];
}
