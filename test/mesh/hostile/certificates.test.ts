/** A certificate that cannot be trusted is named, and what to do about it works. */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
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
async function look(port: number, trusted?: string): Promise<Outcome> {
  const mesh = `wss://localhost:${port}`;
  const pinned = trusted === undefined ? env : { ...env, NODE_EXTRA_CA_CERTS: trusted };
  return nmc(['status', '--mesh', mesh], { cwd: folder, env: pinned });
}

test('a certificate that cannot be trusted is named, with the repair', async () => {
  const expired = file('expired.pem', EXPIRED_CERTIFICATE);
  const elsewhere = file('elsewhere.pem', ELSEWHERE_CERTIFICATE);
  const outcomes = await Promise.all([
    look(await served(TEST_CERTIFICATE, TEST_CERTIFICATE_KEY)),
    look(await served(ISSUED_CERTIFICATE, ISSUED_KEY)),
    look(await served(EXPIRED_CERTIFICATE, ODD_KEY), expired),
    look(await served(ELSEWHERE_CERTIFICATE, ODD_KEY), elsewhere),
  ]);
  expect(outcomes.map(({ code }) => code)).toEqual([3, 3, 3, 3]);
  const [itself, authority, old, other] = outcomes.map(({ stderr }) => stderr);
  expect(itself).toMatch(/mesh\/certificate.*signs itself[\s\S]*NODE_EXTRA_CA_CERTS=FILE/);
  expect(authority).toMatch(/mesh\/certificate.*an authority that this machine does not know/);
  expect(old).toMatch(/mesh\/certificate.*has expired/);
  expect(other).toMatch(/mesh\/certificate.*is for another host/);
}, 60_000);

test('a self-signed certificate is pinned as the message says, and a plain ws address is named, too', async () => {
  const cert = file('cert.pem', TEST_CERTIFICATE);
  const key = file('key.pem', TEST_CERTIFICATE_KEY);
  const started = async (...options: string[]): Promise<number> =>
    new Promise((resolve, reject) => {
      const args = ['synchronizer', '--listen', '127.0.0.1:0', '--json', ...options];
      nmc(args, {
        ...{ cwd: folder, env },
        onStart: (child: ChildProcess) => ends.push(() => child.kill('SIGKILL')),
        onLine: (line) => resolve(Number((JSON.parse(line) as { address: string }).address.split(':').at(-1))),
      }).then((outcome) => reject(new Error(outcome.stderr)), reject);
    });
  const [secure, plain] = await Promise.all([
    started('--state', 'secure', '--cert', cert, '--cert-key', key),
    started('--state', 'plain'),
  ]);
  const [pinned, unpinned] = await Promise.all([look(secure, cert), look(plain)]);
  expect(pinned.code, pinned.stdout).toBe(0);
  expect(unpinned.stderr).toMatch(/mesh\/certificate.*does not speak TLS/);
}, 60_000);
