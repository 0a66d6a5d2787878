/** Meshes in a server of NATS: made under a name of their own, opened as often as a test likes. */
import { join } from 'node:path';
import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { natsBackplane } from '../../../runtime/backplane/nats.ts';
import { connectNats, type NatsAccess, type NatsOptions } from '../../../runtime/backplane/nats-connection.ts';
import { makeStores } from '../../../runtime/backplane/nats-stores.ts';
import type { NatsServer } from './server.ts';

let meshes = 0;

/** @returns its name */
export async function makeMesh(server: NatsServer, replicas = 1): Promise<string> {
  const mesh = `m${++meshes}`;
  const access = await connectNats({ servers: [server.url], mesh });
  await makeStores(access, { replicas });
  await access.connection.close();
  return mesh;
}

/** Of a command that reaches the servers themselves. @param more `--name MESH` and others */
export function natsArguments(servers: readonly Pick<NatsServer, 'url'>[], ...more: string[]): string[] {
  return ['--nats', servers.map(({ url }) => url).join(','), '--accept-older-server', ...more];
}

let opened = 0;

/** The server that tests run is older than a mesh should have. */
export function openMesh(server: NatsServer, mesh: string, options: Partial<NatsOptions> = {}): Promise<Backplane> {
  const folder = join(server.folder, `cache-${++opened}`);
  return natsBackplane({ servers: [server.url], mesh, folder, acceptOlder: true, ...options });
}

/** Past the backplane, to look at what lies in the server, or to change it. */
export function lookInto(server: NatsServer, mesh: string): Promise<NatsAccess> {
  return connectNats({ servers: [server.url], mesh });
}
