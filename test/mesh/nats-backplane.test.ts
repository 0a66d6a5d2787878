/** The suite of every backplane, on a real server of NATS that is killed where a process would be. */
import { afterAll, beforeAll, describe } from 'vitest';
import { makeMesh, openMesh } from '../support/nats/mesh.ts';
import { NatsServer } from '../support/nats/server.ts';
import { backplaneSuite } from './backplane-suite.ts';

const server = new NatsServer();
beforeAll(() => server.start());
afterAll(() => server.remove());

describe('the backplane of NATS', () => {
  let mesh = '';
  backplaneSuite({
    open: async () => {
      mesh = await makeMesh(server);
      return openMesh(server, mesh);
    },
    reopen: async () => {
      await server.kill();
      await server.start();
      return openMesh(server, mesh);
    },
  });
});
