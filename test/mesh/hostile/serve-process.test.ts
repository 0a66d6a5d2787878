/** `nmc serve` as its users start it, attacked over raw sockets: memory, open doors, tokens. */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addToken, readTokens } from '../../../runtime/identity/token-file.ts';
import { hostileRequest } from '../../support/hostile-requests.ts';
import { jsonLines, nmc, type Outcome, temporaryFolder, writeTiny } from '../../support/nmc.ts';
import { ask, codeOf, RawConnection, requestText } from '../../support/raw-http.ts';
import { ROOT } from '../../support/repository.ts';
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from '../../support/test-certificate.ts';

const MB = 1024 ** 2;
/** Only to give up. */
const EVENTUALLY = { timeout: 60_000, interval: 20 };
/** `NMC_FUZZ=100000` for the long form; a failure names its seed. */
const REQUESTS = Number(process.env.NMC_FUZZ ?? 400);
const FIRST_SEED = Number(process.env.NMC_FUZZ_SEED ?? 1);
const folder = temporaryFolder();
const env = {
  NMC_CONFIG: join(folder, 'config'),
  NODE_OPTIONS: `--require ${join(ROOT, 'test/support/collect-on-signal.cjs')}`,
};
const sample = JSON.stringify({ image: Array(784).fill(0) });
const children: ChildProcess[] = [];

interface Serving {
  readonly port: number;
  readonly address: string;
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
}

/** @returns where it serves, or how it ended */
async function serve(...options: string[]): Promise<Serving | Outcome> {
  const args = ['serve', '--run', 'run', '--device', 'reference', '--port', '0', '--json', ...options];
  return new Promise((resolve, reject) => {
    const ended = nmc(args, {
      cwd: folder,
      env,
      onStart: (child) => children.push(child),
      onLine: (line, child) => {
        const event = JSON.parse(line) as { readonly event: string; readonly address: string };
        if (event.event !== 'serve') return;
        resolve({ port: Number(new URL(event.address).port), address: event.address, child, ended });
      },
    });
    ended.then(resolve, reject);
  });
}

async function serving(...options: string[]): Promise<Serving> {
  const found = await serve(...options);
  if ('port' in found) return found;
  throw new Error(`it has ended: ${found.stderr}`);
}

const run = (...args: string[]): Promise<Outcome> => nmc([...args, '--json'], { cwd: folder, env });

beforeAll(async () => {
  const trained = await run('train', writeTiny(folder, { epochs: 1 }), '--limit', '80', '--out', 'run');
  expect(trained.code, trained.stderr).toBe(0);
  writeFileSync(join(folder, 'mesh.crt'), TEST_CERTIFICATE);
  writeFileSync(join(folder, 'mesh.key'), TEST_CERTIFICATE_KEY);
}, 60_000);

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

describe.concurrent('a server for other machines', () => {
  const encrypted = ['--cert', 'mesh.crt', '--cert-key', 'mesh.key'];

  test.each([
    ['without encryption', ['--listen', '0.0.0.0'], 'serve/insecure'],
    ['at a name that only looks like this machine', ['--listen', '127.evil.example'], 'serve/insecure'],
    ['with a certificate without its key', ['--listen', '0.0.0.0', ...encrypted.slice(0, 2)], 'usage'],
    ['with a key for a certificate', ['--cert', 'mesh.key', '--cert-key', 'mesh.key'], 'tls/certificate'],
  ])('is refused with exit code 2 %s', async (_name, options, code) => {
    const outcome = await serve(...options);
    // Where it does listen, that is over at once.
    if ('port' in outcome) outcome.child.kill('SIGKILL');
    expect(outcome).toMatchObject({ code: 2 });
    expect(jsonLines(outcome as Outcome).at(-1)).toMatchObject({ event: 'error', code });
  });

  test('speaks https where it has a certificate', async () => {
    const { address, child, ended } = await serving(...encrypted);
    expect(address).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      const asked = request(`${address}/healthz`, { ca: TEST_CERTIFICATE, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on('error', reject).end();
    });
    expect(status).toBe(200);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 0 });
  });
});

describe('bodies half sent', () => {
  const size = 31 * MB;

  test.runIf(process.platform === 'linux')(
    'take a bounded part of memory, and end with the server, and metrics stay on this machine',
    async () => {
      const { port, child, ended } = await serving('--host', 'mesh.test');
      // Without tokens, what it has done is told to this machine only.
      const metrics = (host: string) => ask(port, requestText('GET /metrics', { host }));
      expect(await metrics('127.0.0.1')).toMatchObject({ status: 200 });
      expect(await metrics('mesh.test')).toMatchObject({ status: 401 });
      expect(await metrics('evil.example')).toMatchObject({ status: 421 });
      expect(await ask(port, requestText('GET /healthz', { host: 'mesh.test' }))).toMatchObject({ status: 200 });
      expect(await ask(port, requestText('POST /predict', {}, sample))).toMatchObject({ status: 200 });
      const resident = (): number =>
        Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024;
      const before = resident();
      const half = requestText('POST /predict', { 'content-length': String(size) });
      const piece = Buffer.alloc(size - 1, 0x20);
      const all = Array.from({ length: 16 }, () => new RawConnection(port).send(half, piece));
      const answers = all.map((connection) => connection.answer());
      const refused = await Promise.race(answers);
      expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
      expect(codeOf(refused)).toBe('http/busy');
      // Two fill the share of one client, 64 MB; all of them would be 496 MB.
      await expect.poll(() => all.filter((c) => c.ended).length, EVENTUALLY).toBe(14);
      await expect.poll(() => all.filter((c) => !c.ended && c.socket.writableLength > 0).length, EVENTUALLY).toBe(0);
      const held = (): number => {
        child.kill('SIGUSR2');
        return resident() - before;
      };
      await expect.poll(held, EVENTUALLY).toBeLessThan(192 * MB);
      // Ctrl-C does not wait for what will never come.
      child.kill('SIGINT');
      expect(await ended).toMatchObject({ code: 0, signal: null });
      for (const connection of all) connection.end();
    },
    60_000,
  );
});

test('hostile requests neither end the server nor leave anything behind', async () => {
  const { port, child, ended } = await serving();
  const statuses = new Set<number>();
  const attack = async (seed: number): Promise<void> => {
    const { pieces, whole } = hostileRequest(seed, 'image', 784);
    const connection = new RawConnection(port).send(...pieces);
    // A server that waits for the rest of a request is not waited for.
    const gone = new Promise<undefined>((resolve) => setTimeout(resolve, 20));
    const answer = await (whole ? connection.answer() : Promise.race([connection.answer(), gone]));
    connection.end();
    if (answer === undefined) return;
    statuses.add(answer.status);
    if (answer.status >= 400 && answer.body !== '') expect(codeOf(answer), `seed ${seed}`).not.toBe('');
    expect(answer.status, `seed ${seed}`).not.toBe(500);
  };
  let seed = FIRST_SEED;
  const worker = async (): Promise<void> => {
    while (seed < FIRST_SEED + REQUESTS) await attack(seed++);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  expect([...statuses]).toEqual(expect.arrayContaining([200, 400]));
  expect(await ask(port, requestText('POST /predict', {}, sample))).toMatchObject({ status: 200 });
  const held = async (): Promise<string> => (await ask(port, requestText('GET /metrics')))?.body ?? '';
  await expect.poll(held, EVENTUALLY).toMatch(/^nmc_request_bytes 0$/m);
  expect(await held()).toMatch(/^nmc_requests_waiting 0$/m);
  child.kill('SIGINT');
  // It has had nothing to complain about.
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
}, 600_000);

describe('a token', () => {
  const bearer = (token: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}` });

  test('is made, stored as a hash, asked for, and refused once revoked', async () => {
    const [made] = jsonLines(await run('keys', 'token', 'new', 'laptop', '--tokens', 'tokens.json'));
    const token = String(made?.token);
    const file = join(folder, 'tokens.json');
    const other = addToken(file, 'phone', new Date(0));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).not.toContain(token.slice(4));
    const { port, child } = await serving('--tokens', 'tokens.json');
    const predict = (headers: Readonly<Record<string, string>>) =>
      ask(port, requestText('POST /predict', headers, sample));
    for (const [headers, challenge] of [
      [{}, 'Bearer realm="nmc"'],
      [{ authorization: 'Basic YTpi' }, 'Bearer realm="nmc"'],
      [bearer(`${token}x`), 'Bearer realm="nmc", error="invalid_token"'],
      [bearer('x'.repeat(5000)), 'Bearer realm="nmc"'],
    ] as const) {
      const answer = await predict(headers);
      expect(answer).toMatchObject({ status: 401, headers: { 'www-authenticate': challenge } });
      expect(codeOf(answer)).toBe('http/token');
    }
    for (const path of ['/metrics', '/openapi.json', '/nowhere'])
      expect(await ask(port, requestText(`GET ${path}`))).toMatchObject({ status: 401 });
    expect(await ask(port, requestText('GET /healthz'))).toMatchObject({ status: 200 });
    expect(await predict(bearer(token))).toMatchObject({ status: 200 });
    expect(await ask(port, requestText('GET /metrics', bearer(token)))).toMatchObject({ status: 200 });
    expect(await run('keys', 'token', 'revoke', 'laptop', '--tokens', 'tokens.json')).toMatchObject({ code: 0 });
    expect(await predict(bearer(token))).toMatchObject({ status: 401 });
    expect(await predict(bearer(other))).toMatchObject({ status: 200 });
    expect(readTokens(file)).toMatchObject([{ name: 'phone' }]);
    // A file that others can change lets nobody in.
    chmodSync(file, 0o666);
    expect(await predict(bearer(other))).toMatchObject({ status: 401 });
    child.kill('SIGKILL');
    expect(await run('keys', 'token', 'list', '--tokens', 'tokens.json')).toMatchObject({ code: 3 });
  });
});
