/** A certificate that cannot be trusted is named, and what to do about it works. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import * as meshTables from '../../../runtime/cli/mesh/options.ts';
import { packageVersion } from '../../../runtime/cli/shell/package-root.ts';
import { SERVE } from '../../../runtime/cli/training/options.ts';
import { nmc, type Outcome, temporaryFolder } from '../../support/nmc.ts';
import {
  ELSEWHERE_CERTIFICATE,
  EXPIRED_CERTIFICATE,
  ISSUED_CERTIFICATE,
  ISSUED_KEY,
  ODD_KEY,
} from '../../support/odd-certificates.ts';
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from '../../support/test-certificate.ts';

const folder = temporaryFolder();
const env = { NMC_CONFIG: join(folder, 'config') };
const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) end();
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Speaks TLS with this certificate, and nothing of a mesh. */
async function served(cert: string, key: string): Promise<number> {
  const server: Server = createServer({ cert, key });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** @param trusted file of a certificate that this machine is to know */
async function look(mesh: string, trusted?: string, config = 'config'): Promise<Outcome> {
  const options = trusted === undefined ? [] : ['--ca', trusted];
  return nmc(['status', '--mesh', mesh, ...options], { cwd: folder, env: { NMC_CONFIG: join(folder, config) } });
}

const at = (port: number): string => `wss://localhost:${port}`;

interface Started {
  readonly address: string;
  readonly invite: string;
  readonly join: readonly string[];
}

function started(...options: string[]): Promise<Started> {
  return new Promise((resolve, reject) => {
    nmc(['synchronizer', '--listen', '127.0.0.1:0', '--json', ...options], {
      ...{ cwd: folder, env },
      onStart: (child: ChildProcess) => ends.push(() => child.kill('SIGKILL')),
      onLine: (line) => resolve(JSON.parse(line) as Started),
    }).then((outcome) => reject(new Error(outcome.stderr)), reject);
  });
}

const portOf = ({ address }: Started): number => Number(address.split(':').at(-1));

test('a certificate that cannot be trusted is named, with the repair', async () => {
  const expired = file('expired.pem', EXPIRED_CERTIFICATE);
  const elsewhere = file('elsewhere.pem', ELSEWHERE_CERTIFICATE);
  const outcomes = await Promise.all([
    look(at(await served(TEST_CERTIFICATE, TEST_CERTIFICATE_KEY))),
    look(at(await served(ISSUED_CERTIFICATE, ISSUED_KEY))),
    look(at(await served(EXPIRED_CERTIFICATE, ODD_KEY)), expired),
    look(at(await served(ELSEWHERE_CERTIFICATE, ODD_KEY)), elsewhere),
  ]);
  expect(outcomes.map(({ code }) => code)).toEqual([3, 3, 3, 3]);
  const [itself, authority, old, other] = outcomes.map(({ stderr }) => stderr);
  expect(itself).toMatch(/mesh\/certificate.*signs itself[\s\S]*--ca FILE/);
  expect(authority).toMatch(/mesh\/certificate.*an authority that this machine does not know[\s\S]*--ca FILE/);
  expect(old).toMatch(/mesh\/certificate.*has expired/);
  expect(other).toMatch(/mesh\/certificate.*is for another host/);
}, 60_000);

test('a file that is not a certificate, and one for a plain address, are refused', async () => {
  const [missing, text, plain] = await Promise.all([
    look(at(1), 'nowhere.pem'),
    look(at(1), file('text.pem', 'not a certificate')),
    look('ws://localhost:1', file('unused.pem', TEST_CERTIFICATE)),
  ]);
  expect([missing.code, text.code, plain.code]).toEqual([2, 2, 2]);
  expect(missing.stderr).toMatch(/tls\/certificate.*nowhere\.pem/);
  expect(text.stderr).toMatch(/tls\/certificate.*text\.pem is not a certificate in PEM/);
  expect(plain.stderr).toMatch(/--ca names a certificate.*not encrypted/);
}, 60_000);

test('a self-signed certificate is pinned as the message says and remembered, and a plain ws address is named', async () => {
  const cert = file('cert.pem', TEST_CERTIFICATE);
  const key = file('key.pem', TEST_CERTIFICATE_KEY);
  const [secure, plain] = await Promise.all([
    started('--state', 'secure', '--cert', cert, '--cert-key', key),
    started('--state', 'plain'),
  ]);
  const mesh = at(portOf(secure));
  // The user of the synchronizer needs nothing at the address that it has printed.
  const [pinned, own, unpinned] = await Promise.all([look(mesh, cert), look(secure.address), look(at(portOf(plain)))]);
  expect(pinned.code, pinned.stderr).toBe(0);
  expect(own.code, own.stderr).toBe(0);
  expect(unpinned.stderr).toMatch(/mesh\/certificate.*does not speak TLS/);
  const again = await look(mesh);
  expect(again.code, again.stderr).toBe(0);
  expect((await look(mesh, undefined, 'of-a-stranger')).stderr).toMatch(/mesh\/certificate.*signs itself/);

  // The printed line, with the file beside the one who pastes it.
  const line = secure.join[0]?.split(' ') ?? [];
  expect(line).toContain('--ca');
  const joined = await new Promise<Outcome | string>((resolve) => {
    nmc([...line.slice(1), '--name', 'guest', '--device', 'reference', '--state', 'guest', '--json'], {
      ...{ cwd: folder, env: { NMC_CONFIG: join(folder, 'guest-config') }, input: `${secure.invite}\n` },
      onStart: (child: ChildProcess) => ends.push(() => child.kill('SIGKILL')),
      onLine: (line) => {
        const { event } = JSON.parse(line) as { readonly event: string };
        if (event === 'versions') resolve(event);
      },
    }).then(resolve);
  });
  expect(joined).toBe('versions');
}, 60_000);

test('an older and a newer mesh are refused by the versions of both programs', async () => {
  const heard: string[] = [];
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  ends.push(() => server.close());
  await once(server, 'listening');
  const words =
    'wire 2.0 (release 0.2.0) is not understood here, this is wire 3.1 (release 9.0.0): use the same release of nmc';
  server.on('connection', (socket) =>
    socket.once('message', (data) => {
      heard.push(String(data));
      socket.close(4005, words);
    }),
  );
  const port = (server.address() as AddressInfo).port;
  const { code, stderr } = await nmc(['status', '--mesh', `127.0.0.1:${port}`], { cwd: folder, env });
  expect(JSON.parse(heard[0] ?? '{}')).toMatchObject({ type: 'hello', version: packageVersion() });
  expect(code).toBe(2);
  expect(stderr).toContain('mesh/version');
  expect(stderr.replace(/\s+/g, ' ')).toContain(words);
}, 60_000);

test('every command that knows a mesh by its key may know its certificate, too', () => {
  const tables = Object.entries({ ...meshTables, SERVE }).filter(
    ([, table]) => typeof table === 'object' && 'fingerprint' in table,
  );
  expect(tables.length).toBeGreaterThan(8);
  expect(tables.filter(([, table]) => typeof table === 'object' && !('ca' in table)).map(([name]) => name)).toEqual([]);
});
