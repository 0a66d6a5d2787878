/**
 * Moves a stopped mesh from its state folder into NATS, or back. The old place stays as it is until everything in the new
 * one was read and compared; then one file says where the mesh is. Ended anywhere, it goes on when it is begun again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { moveFile, removeAll } from '../support/safe-files.ts';
import { ownPath } from '../support/safe-path.ts';
import type { Backplane } from './backplane.ts';
import { copyMesh, type Digest, digestOf, type Moved } from './copy-mesh.ts';
import { MOVE_KEY } from './own-keys.ts';
import {
  beginMove,
  endMove,
  type Move,
  type MoveMark,
  markOf,
  markText,
  type Place,
  placeOf,
  setPlace,
} from './place.ts';
import { countPresent } from './presence.ts';

export interface MoveOptions {
  readonly state: string;
  readonly to: Place;
  /** Below `state`. */
  readonly embeddedFolder: string;
  openEmbedded(folder: string): Backplane;
  /** @param cache folder below which blobs pass */
  openNats(cache: string): Promise<Backplane>;
  readonly moved: Moved;
  /** Milliseconds in which a synchronizer that runs says so. */
  readonly waitMs?: number;
}

/** Blobs that are on their way. */
export const ON_THE_WAY = 'move-blobs';
/** What is read back comes from the servers: nothing of it lies here before. */
const READ_BACK = 'move-check';

/**
 * @returns what is in the new place
 * @throws UserError `mesh/busy`, `mesh/no-state`, `mesh/moving`, `mesh/moved`, `mesh/not-empty`
 * @throws EnvironmentError `mesh/move-differs`; those of both places
 */
export async function moveMesh(options: MoveOptions): Promise<Digest> {
  const { state, to } = options;
  if (to === 'nats' && placeOf(state) !== 'nats' && !existsSync(join(state, options.embeddedFolder, 'state.db')))
    throw new UserError('mesh/no-state', `${state} holds no mesh`, 'name its folder: --state DIR');
  const nats = await options.openNats(join(state, ON_THE_WAY));
  try {
    if ((await countPresent(nats, options.waitMs)) > 0)
      throw new UserError('mesh/busy', 'a synchronizer runs on the mesh in NATS', 'stop all of them first');
    const move = beginMove(state, to);
    if (!move) return to === 'nats' ? await digestOf(nats) : await inFolder(options, digestOf);
    const digest = placeOf(state) === to ? undefined : await carry(options, move, nats);
    return await finish(options, move, nats, digest);
  } finally {
    await nats.close();
    removeAll(ownPath(state, ON_THE_WAY));
  }
}

async function carry(options: MoveOptions, { id, again }: Move, nats: Backplane): Promise<Digest> {
  const { state, to } = options;
  return inFolder(options, async (embedded) => {
    const [from, target] = to === 'nats' ? [embedded, nats] : [nats, embedded];
    await markTarget(target, id).catch((error: unknown) => {
      // Nothing was carried: the mesh may go on where it is.
      if (!again) endMove(state);
      throw error;
    });
    if (to === 'embedded') await mark(nats, id, 'leaving');
    await copyMesh(from, target, options.moved);
    const digest = await readBack(options, from, embedded);
    setPlace(state, to);
    return digest;
  });
}

/** @throws EnvironmentError `mesh/move-differs` */
async function readBack(options: MoveOptions, from: Backplane, embedded: Backplane): Promise<Digest> {
  const folder = ownPath(options.state, READ_BACK);
  removeAll(folder);
  const target = options.to === 'nats' ? await options.openNats(folder) : embedded;
  try {
    const [sent, come] = [await digestOf(from), await digestOf(target)];
    if (sent.sha256 === come.sha256) return come;
    throw new EnvironmentError(
      'mesh/move-differs',
      `what was moved did not arrive unchanged: ${countsOf(come)}, of ${countsOf(sent)}`,
      'the mesh stays where it is; look at the logs of the servers, then move it again',
    );
  } finally {
    if (target !== embedded) await target.close();
    removeAll(folder);
  }
}

/** Behind the change of place: the old one cannot be taken for the mesh any more. */
async function finish(options: MoveOptions, { id, to }: Move, nats: Backplane, digest?: Digest): Promise<Digest> {
  const { state, embeddedFolder } = options;
  const folder = join(state, embeddedFolder);
  if (to === 'nats') {
    await unmark(nats);
    if (existsSync(folder)) moveFile(ownPath(folder), ownPath(state, `${embeddedFolder}-left-${id}`));
    endMove(state);
    return digest ?? digestOf(nats);
  }
  await mark(nats, id, 'left');
  return inFolder(options, async (embedded) => {
    await unmark(embedded);
    endMove(state);
    return digest ?? digestOf(embedded);
  });
}

/** Opened for this alone. */
export async function inFolder<T>(
  { state, embeddedFolder, openEmbedded }: Pick<MoveOptions, 'state' | 'embeddedFolder' | 'openEmbedded'>,
  work: (embedded: Backplane) => Promise<T>,
): Promise<T> {
  const embedded = openEmbedded(join(state, embeddedFolder));
  try {
    return await work(embedded);
  } finally {
    await embedded.close();
  }
}

/** Nothing else is there. @throws UserError `mesh/not-empty` */
async function markTarget(target: Backplane, id: string): Promise<void> {
  const entry = await target.get(MOVE_KEY);
  if (entry && markOf(entry.value).id === id) return;
  const [entries, streams] = [await target.list(''), await target.streams()];
  if (entries.length + streams.length > 0)
    throw new UserError('mesh/not-empty', 'there is a mesh already where it is to go', 'move it under another --name');
  await mark(target, id, 'arriving');
}

async function mark(backplane: Backplane, id: string, what: MoveMark): Promise<void> {
  const entry = await backplane.get(MOVE_KEY);
  await backplane.put(MOVE_KEY, markText(id, what), entry?.revision ?? 0);
}

export async function unmark(backplane: Backplane): Promise<void> {
  const entry = await backplane.get(MOVE_KEY);
  if (entry) await backplane.remove(MOVE_KEY, entry.revision);
}

function countsOf({ entries, records, blobs }: Digest): string {
  return `${entries} entries, ${records} records and ${blobs} blobs`;
}
