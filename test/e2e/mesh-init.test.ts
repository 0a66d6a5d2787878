/** `nmc mesh init --nats` against real servers: what it makes, what it checks, what it says aloud. */
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeCredentials } from '../support/nats/credentials.ts';
import { lookInto } from '../support/nats/mesh.ts';
import { NatsServer } from '../support/nats/server.ts';
import { nmc as nmcProcess, temporaryFolder } from '../support/nmc.ts';
import { nmcInProcess as nmc } from '../support/nmc-in-process.ts';
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from '../support/test-certificate.ts';

const folder = temporaryFolder();
const server = new NatsServer();
const OLDER = '--accept-older-server';
beforeAll(() => server.start());
afterAll(() => server.remove());
afterEach(() => vi.restoreAllMocks());

const init = (url: string, ...more: string[]) => nmc('mesh', 'init', '--nats', url, ...more);

describe('the servers of a mesh’s state', () => {
  test('get its streams and buckets, once', async () => {
    const options = [OLDER, '--monitor', server.monitor, '--json'];
    const { code, stdout, stderr } = await init(server.url, ...options, '--max-blobs', '500');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const first = JSON.parse(stdout);
    expect(first).toMatchObject({
      event: 'initialised',
      mesh: 'mesh',
      server: { version: '2.14.0', clustered: false },
    });
    expect(first.monitors).toMatchObject([{ syncAlways: true, maxStorage: 2 ** 40 }]);
    expect(first.stores).toEqual([
      { name: 'KV_nmc-mesh-entries', what: 'entries', made: true, replicas: 1, maxBytes: 256 * 2 ** 20 },
      { name: 'nmc-mesh-records', what: 'records', made: true, replicas: 1, maxBytes: 2 ** 30 },
      { name: 'OBJ_nmc-mesh-blobs', what: 'blobs', made: true, replicas: 1, maxBytes: 500e6 },
    ]);
    const again = JSON.parse((await init(server.url, ...options, '--max-blobs', '600')).stdout);
    expect(again.stores.map((s: { made: boolean; maxBytes: number }) => [s.made, s.maxBytes])).toEqual([
      [false, 256 * 2 ** 20],
      [false, 2 ** 30],
      [false, 600e6],
    ]);
  });

  test('have streams that refuse rather than forget, read from their leader alone', async () => {
    await init(server.url, OLDER, '--name', 'ordered');
    const access = await lookInto(server, 'ordered');
    const { names, jsm } = access;
    for (const name of [names.entryStream, names.recordStream, names.blobStream]) {
      const { config } = await jsm.streams.info(name);
      expect(config).toMatchObject({ storage: 'file', discard: 'new', retention: 'limits', max_age: 0 });
      if (name !== names.blobStream) expect(config.allow_direct ?? false).toBe(false);
    }
    // Somebody else has changed one.
    await jsm.streams.update(names.entryStream, { allow_direct: true });
    await access.connection.close();
    expect(await init(server.url, OLDER, '--name', 'ordered')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error\[nats\/settings\]: .*KV_nmc-ordered-entries.*allow_direct is on/),
    });
  });

  test('admit a user only by its file, which others may not read', async () => {
    const { configuration, user } = makeCredentials();
    const own = await new NatsServer({ more: configuration }).start();
    try {
      expect(await init(own.url, OLDER)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('nats/credentials'),
      });
      const file = join(folder, 'mesh.creds');
      writeFileSync(file, user, { mode: 0o644 });
      expect(await init(own.url, OLDER, '--creds', file)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('key/mode'),
      });
      chmodSync(file, 0o600);
      // As its users start it.
      const made = await nmcProcess(['mesh', 'init', '--nats', own.url, OLDER, '--creds', file]);
      expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('OBJ_nmc-mesh-blobs') });
    } finally {
      await own.remove();
    }
  });

  test('are reached by TLS where their certificate can be trusted', async () => {
    const [cert, key] = [join(folder, 'nats.crt'), join(folder, 'nats.key')];
    writeFileSync(cert, TEST_CERTIFICATE);
    writeFileSync(key, TEST_CERTIFICATE_KEY);
    const own = await new NatsServer({ more: `tls { cert_file: "${cert}", key_file: "${key}" }` }).start();
    try {
      const address = `tls://127.0.0.1:${new URL(own.url).port}`;
      expect(await init(address, OLDER)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('nats/certificate'),
      });
      expect(await init(address, OLDER, '--ca', cert)).toMatchObject({ code: 0 });
    } finally {
      await own.remove();
    }
    // Nothing is sent in the clear where it was to be encrypted.
    const plain = `tls://127.0.0.1:${new URL(server.url).port}`;
    expect(await init(plain, OLDER, '--ca', cert)).toMatchObject({ code: 3 });
  });
});

describe('nmc mesh init', () => {
  test('refuses an older server, unless it is asked for', async () => {
    const refused = await init(server.url, '--name', 'older');
    expect(refused).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error\[nats\/version\]: .*2\.14\.0.*2\.14\.4/),
    });
    const access = await lookInto(server, 'older');
    await expect(access.jsm.streams.info(access.names.recordStream)).rejects.toThrow('not found');
    await access.connection.close();
    const taken = await init(server.url, OLDER, '--name', 'older');
    expect(taken).toMatchObject({ code: 0, stderr: expect.stringMatching(/warning: nats-server 2\.14\.0 is older/) });
  });

  test('reports what was not checked, and that a write does not wait for the disk', async () => {
    const unseen = await init(server.url, OLDER);
    expect(unseen.stderr).toMatch(/warning: not checked: sync_interval, WebSocket listeners and disk limits/);
    const lax = await new NatsServer({ sync: '2m' }).start();
    try {
      const { code, stderr } = await init(lax.url, OLDER, '--monitor', lax.monitor);
      expect({ code, stderr }).toEqual({
        code: 0,
        stderr: expect.stringMatching(/warning: http:\S+: sync_interval is not always, so a power cut loses/),
      });
      expect(stderr).not.toContain('not checked');
    } finally {
      await lax.remove();
    }
  });

  test('refuses a port for strangers, and a monitoring address that says nothing', async () => {
    const varz = (websocket: object): string =>
      JSON.stringify({ version: '2.14.9', websocket, jetstream: { config: { sync_always: true, max_storage: 1e12 } } });
    let answer = varz({ host: '0.0.0.0', port: 8443 });
    const monitor: Server = createServer((_, response) => response.end(answer));
    await new Promise<void>((resolve) => monitor.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(monitor.address() as AddressInfo).port}`;
    try {
      const open = await init(server.url, OLDER, '--monitor', address);
      expect(open).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/nats\/settings.*WebSocket at 0\.0\.0\.0:8443/),
      });
      answer = varz({ host: '127.0.0.1', port: 8443 });
      expect(await init(server.url, OLDER, '--monitor', address)).toMatchObject({ code: 0 });
      for (const wrong of ['{}', 'no JSON', 'null', '{"version":"2.14.9"}']) {
        answer = wrong;
        const told = await init(server.url, OLDER, '--monitor', address);
        expect(told, wrong).toMatchObject({ code: 3, stderr: expect.stringContaining('error[nats/monitor]') });
      }
    } finally {
      monitor.close();
    }
  });

  test('refuses a server without JetStream', async () => {
    const own = await new NatsServer({ jetstream: false }).start();
    try {
      expect(await init(own.url, OLDER)).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('error[nats/jetstream]'),
      });
    } finally {
      await own.remove();
    }
  });
});

test.each([
  [[], 2, 'usage/nats'],
  [['--nats', 'localhost'], 2, 'mesh/address'],
  [['--nats', 'ws://127.0.0.1:1'], 2, 'mesh/address'],
  [['--nats', 'nats://192.0.2.1:4222'], 2, 'mesh/insecure'],
  [['--nats', 'nats://127.0.0.1:1', '--name', 'a b'], 2, 'mesh/name'],
  [['--nats', 'nats://127.0.0.1:1', '--creds', 'nowhere'], 2, 'nats/credentials'],
  [['--nats', 'nats://127.0.0.1:1'], 3, 'nats/unreachable'],
])('nmc mesh init with %j ends with %i: %s', async (options, code, error) => {
  const ended = await nmc('mesh', 'init', ...options);
  expect(ended).toMatchObject({ code, stderr: expect.stringContaining(`error[${error}]`) });
  expect(ended.stderr).toContain('= try: ');
});
