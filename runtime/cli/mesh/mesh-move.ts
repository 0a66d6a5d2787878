/** `nmc mesh move`: carries a stopped mesh from this machine's disk into NATS, or back; or gives that up. */
import { join } from 'node:path';
import { embeddedBackplane } from '../../backplane/embedded.ts';
import { type GiveUpOptions, giveUpMove } from '../../backplane/give-up-move.ts';
import { moveMesh } from '../../backplane/move-mesh.ts';
import { natsBackplane } from '../../backplane/nats.ts';
import { connectNats, type NatsOptions } from '../../backplane/nats-connection.ts';
import { emptyStores } from '../../backplane/nats-stores.ts';
import type { Place } from '../../backplane/place.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { printableLines } from '../../support/printable.ts';
import { createProgress } from '../../support/progress.ts';
import { EXIT } from '../shell/command.ts';
import { natsOptionsOf } from './nats-arguments.ts';
import type { MeshFileArguments } from './options.ts';
import { defaultState, EMBEDDED_FOLDER, holdState, ownFolder } from './state-folder.ts';

export async function moveStoredMesh(args: MeshFileArguments): Promise<number> {
  const to = placeOf(args);
  const nats = natsOptionsOf(args);
  const state = args.state ?? defaultState();
  ownFolder(state);
  const release = holdState(state);
  const places: GiveUpOptions = {
    ...{ state, embeddedFolder: EMBEDDED_FOLDER },
    openEmbedded: (folder) => embeddedBackplane(folder, { acceptOlder: args['accept-older-state'] }),
    openNats: (folder) => natsBackplane({ ...nats, folder, acceptOlder: args['accept-older-server'] }),
    emptyNats: () => emptied(nats),
  };
  try {
    if (to === undefined) tellGivenUp(await giveUpMove(places), args.json);
    else await move(places, to, to === 'nats' ? nats.servers.join(',') : join(state, EMBEDDED_FOLDER), args.json);
    return EXIT.done;
  } finally {
    release();
  }
}

/** @returns nothing where a move is given up. @throws UserError `usage/place` */
function placeOf({ to, 'give-up': giveUp }: MeshFileArguments): Place | undefined {
  if (giveUp && to !== undefined)
    throw new UserError('usage/place', 'a move is either made or given up', 'leave out --to or --give-up');
  if (giveUp) return undefined;
  if (to === 'nats' || to === 'embedded') return to;
  throw new UserError('usage/place', 'no destination is given for the mesh', 'add --to nats, or --to embedded');
}

async function move(places: GiveUpOptions, to: Place, at: string, json: boolean): Promise<void> {
  const progress = createProgress();
  try {
    const moved = (what: string): void => progress.busy(`moves ${what}`);
    const digest = await moveMesh({ ...places, to, moved });
    if (json) emit({ event: 'moved', to, at, ...digest });
    else {
      const { entries, records, streams, blobs, bytes, sha256 } = digest;
      const what = `${entries} entries, ${records} records of ${streams} streams, ${blobs} blobs (${formatBytes(bytes)})`;
      process.stdout.write(printableLines(`moved    to ${at}: ${what}\nread     all of it, SHA-256 ${sha256}\n`));
    }
  } finally {
    progress.stop();
  }
}

async function emptied(nats: NatsOptions): Promise<void> {
  const access = await connectNats(nats);
  try {
    await emptyStores(access);
  } finally {
    await access.connection.close();
  }
}

function tellGivenUp(place: Place, json: boolean): void {
  if (json) emit({ event: 'given-up', place });
  else process.stdout.write(`given up: the mesh stays ${place === 'nats' ? 'in NATS' : 'in its state folder'}\n`);
}
