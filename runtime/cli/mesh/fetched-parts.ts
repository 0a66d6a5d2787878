/** The parts of a snapshot on the disk of this machine, and their tensors one at a time: a run may be larger than memory. */
import { randomBytes } from 'node:crypto';
import type { State } from '../../../spec/program.ts';
import { BlobFiles } from '../../backplane/blob-files.ts';
import type { Link } from '../../net/link.ts';
import { readPartTensors } from '../../net/part-tensors.ts';
import { mostPartBytes } from '../../net/shard-memory.ts';
import type { SavedStates } from '../../shard/shard.ts';
import { removeAll } from '../../support/safe-files.ts';
import { ownPath, type SafePath } from '../../support/safe-path.ts';

export interface FetchedParts {
  /** Of each shard; the data of a tensor are read whenever they are asked for, and not kept. */
  readonly states: readonly SavedStates[];
  remove(): void;
}

/** @param parent where they lie until they are removed. @throws UserError `weights/…`, `mesh/blob-damaged` */
export async function fetchParts(
  link: Pick<Link, 'getBlobInto'>,
  parts: readonly string[],
  programs: readonly { readonly states: readonly State[] }[],
  parent: SafePath,
): Promise<FetchedParts> {
  const folder = ownPath(parent, `.nmc-parts-${process.pid}-${randomBytes(4).toString('hex')}`);
  const remove = (): void => removeAll(folder);
  try {
    const files = new BlobFiles(folder, false);
    const states: SavedStates[] = [];
    for (const [shard, blob] of parts.entries()) {
      const most = mostPartBytes(programs[shard]?.states ?? []);
      if (!files.has(blob)) await link.getBlobInto(blob, most, (bytes) => files.write(blob, bytes));
      states.push(readPartTensors(files, blob, most));
    }
    return { states, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
