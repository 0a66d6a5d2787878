/** Servers of NATS that keep everything together, on loopback. */
import { type AddressInfo, createServer } from 'node:net';
import { connectNats } from '../../../runtime/backplane/nats-connection.ts';
import { makeStores } from '../../../runtime/backplane/nats-stores.ts';
import { waitFor } from '../wait-for.ts';
import { NatsServer } from './server.ts';

export interface Cluster {
  readonly servers: readonly NatsServer[];
  /** Of those that keep it, the one that a stream's changes pass. */
  leaderOf(mesh: string, stream: 'entryStream' | 'recordStream' | 'blobStream'): Promise<NatsServer>;
  remove(): Promise<void>;
}

const NAMES = ['one', 'two', 'three'];

export async function startCluster(): Promise<Cluster> {
  const ports = await freePorts(NAMES.length);
  const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
  const servers = NAMES.map(
    (name, i) =>
      new NatsServer({
        more: `server_name: ${name}\ncluster { name: tests, listen: "127.0.0.1:${ports[i]}", routes: [${routes}] }`,
      }),
  );
  await Promise.all(servers.map((server) => server.start()));
  return {
    servers,
    // A server that has just begun again does not answer at first.
    leaderOf: (mesh, stream) =>
      waitFor(`leader of ${stream}`, async () => {
        try {
          const access = await connectNats({ servers: servers.map((s) => s.url), mesh });
          try {
            const { cluster } = await access.jsm.streams.info(access.names[stream]);
            return servers[NAMES.indexOf(cluster?.leader ?? '')];
          } finally {
            await access.connection.close();
          }
        } catch {
          return undefined;
        }
      }),
    remove: async () => {
      await Promise.all(servers.map((server) => server.remove()));
    },
  };
}

/** Its servers first have to agree on who leads. */
export async function makeMeshOf({ servers }: Cluster, mesh: string): Promise<void> {
  await waitFor('mesh in the cluster', async () => {
    try {
      const access = await connectNats({ servers: servers.map((s) => s.url), mesh });
      try {
        return await makeStores(access, { replicas: servers.length });
      } finally {
        await access.connection.close();
      }
    } catch {
      return undefined;
    }
  });
}

async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = held.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
