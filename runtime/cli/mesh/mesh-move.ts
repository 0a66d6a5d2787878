/** `nmc mesh move`: carries a stopped mesh from this machine's disk into NATS, or back. */
import { join } from 'node:path';
import { embeddedBackplane } from '../../backplane/embedded.ts';
import { moveMesh } from '../../backplane/move-mesh.ts';
import { natsBackplane } from '../../backplane/nats.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { printableLines } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { natsOptionsOf } from './nats-arguments.ts';
import type { MeshFileArguments } from './options.ts';
import { defaultState, EMBEDDED_FOLDER, holdState, ownFolder } from './state-folder.ts';

export async function moveStoredMesh(args: MeshFileArguments): Promise<number> {
  const { to } = args;
  if (to !== 'nats' && to !== 'embedded')
    throw new UserError('usage/place', 'it is not said where the mesh is to go', 'add --to nats, or --to embedded');
  const nats = natsOptionsOf(args);
  const state = args.state ?? defaultState();
  ownFolder(state);
  const release = holdState(state);
  try {
    const digest = await moveMesh({
      ...{ state, to, embeddedFolder: EMBEDDED_FOLDER, moved: () => undefined },
      openEmbedded: (folder) => embeddedBackplane(folder, { acceptOlder: args['accept-older-state'] }),
      openNats: (folder) => natsBackplane({ ...nats, folder, acceptOlder: args['accept-older-server'] }),
    });
    const at = to === 'nats' ? nats.servers.join(',') : join(state, EMBEDDED_FOLDER);
    if (args.json) emit({ event: 'moved', to, at, ...digest });
    else {
      const { entries, records, streams, blobs, bytes, sha256 } = digest;
      const what = `${entries} entries, ${records} records of ${streams} streams, ${blobs} blobs (${formatBytes(bytes)})`;
      process.stdout.write(printableLines(`moved    to ${at}: ${what}\nread     all of it, SHA-256 ${sha256}\n`));
    }
    return EXIT.done;
  } finally {
    release();
  }
}
