/**
 * Gives up a move that was begun: what has arrived goes, and the mesh stays where it was. Ended anywhere, it goes on when
 * it is begun again; once the new place counts, it is too late.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';
import { moveFile, removeAll } from '../support/safe-files.ts';
import { ownPath } from '../support/safe-path.ts';
import type { Backplane } from './backplane.ts';
import { inFolder, type MoveOptions, ON_THE_WAY, unmark } from './move-mesh.ts';
import { MOVE_KEY } from './own-keys.ts';
import { begunMove, endMove, markOf, type Place, placeOf } from './place.ts';

export interface GiveUpOptions extends Omit<MoveOptions, 'to' | 'moved' | 'waitMs'> {
  /** Nothing is kept there any more; the mark of the move goes last. */
  emptyNats(): Promise<void>;
}

const GIVEN_UP = 'move-given-up';

/** @returns where the mesh stays. @throws UserError `mesh/not-moving`, `mesh/moved`; those of both places */
export async function giveUpMove(options: GiveUpOptions): Promise<Place> {
  const { state } = options;
  const move = begunMove(state);
  if (!move)
    throw new UserError('mesh/not-moving', `no move of the mesh of ${state} was begun`, 'name its folder: --state DIR');
  const { id, to } = move;
  if (placeOf(state) === to)
    throw new UserError(
      'mesh/moved',
      'all of the mesh was moved before it was given up',
      `finish it: ${nmc`mesh move --to ${to} --nats URL`}; to move it back, move it again`,
    );
  const nats = await options.openNats(join(state, ON_THE_WAY));
  try {
    const isMarked = await hasMark(nats, id);
    if (to === 'embedded') {
      await removeArrived(options, id);
      if (isMarked) await unmark(nats);
    } else if (isMarked) await options.emptyNats();
  } finally {
    await nats.close();
    removeAll(ownPath(state, ON_THE_WAY));
  }
  endMove(state);
  return to === 'nats' ? 'embedded' : 'nats';
}

/** What the move has put into the folder of the mesh; anything else there stays. */
async function removeArrived(options: GiveUpOptions, id: string): Promise<void> {
  const { state, embeddedFolder } = options;
  const [folder, aside] = [join(state, embeddedFolder), ownPath(state, GIVEN_UP)];
  if (existsSync(folder) && (await inFolder(options, (embedded) => hasMark(embedded, id)))) {
    removeAll(aside);
    moveFile(ownPath(folder), aside);
  }
  removeAll(aside);
}

async function hasMark(backplane: Backplane, id: string): Promise<boolean> {
  const entry = await backplane.get(MOVE_KEY);
  return entry !== undefined && markOf(entry.value).id === id;
}
