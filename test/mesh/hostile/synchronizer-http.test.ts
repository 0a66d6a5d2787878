/** The HTTP side of a synchronizer, attacked over raw sockets. */
import type { ChildProcess } from 'node:child_process';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Hosts } from '../../../runtime/http/hosts.ts';
import { SERVER_LIMITS } from '../../../runtime/http/limited-server.ts';
import { addToken, TokenFile } from '../../../runtime/identity/token-file.ts';
import { HttpDoor, type HttpDoorOptions } from '../../../runtime/net/http-door.ts';
import { labelsText } from '../../../runtime/net/mesh-metrics.ts';
import { nmc, type Outcome, temporaryFolder } from '../../support/nmc.ts';
import { ask, codeOf, RawConnection, requestText } from '../../support/raw-http.ts';
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from '../../support/test-certificate.ts';

const folder = temporaryFolder();
const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

describe('the HTTP of a synchronizer', () => {
  let port = 0;
  let child: ChildProcess | undefined;
  let ended: Promise<Outcome> | undefined;

  beforeAll(async () => {
    port = await new Promise<number>((resolve, reject) => {
      const args = ['synchronizer', '--listen', '127.0.0.1:0', '--host', 'mesh.test', '--state', 'state', '--json'];
      ended = nmc(args, {
        cwd: folder,
        env: { NMC_CONFIG: join(folder, 'config') },
        onStart: (started) => {
          child = started;
        },
        onLine: (line) => {
          const { event, address } = JSON.parse(line) as { readonly event: string; readonly address: string };
          if (event === 'synchronizer') resolve(Number(address.split(':').at(-1)));
        },
      });
      ended.then((outcome) => reject(new Error(outcome.stderr)), reject);
    });
  }, 60_000);

  afterAll(() => {
    child?.kill('SIGKILL');
  });

  test('explains every metric to this machine', async () => {
    const answer = await ask(port, requestText('GET /metrics'));
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-type': expect.stringContaining('text/plain; version=0.0.4'),
        'x-content-type-options': 'nosniff',
      },
    });
    const typed = [...(answer?.body ?? '').matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    const helped = [...(answer?.body ?? '').matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name);
    expect(typed).toContain('nmc_relayed_bytes_total');
    expect(helped).toEqual(typed);
  });

  test('answers only /healthz under a name that others use', async () => {
    const answer = await ask(port, requestText('GET /metrics', { host: 'mesh.test' }));
    expect(answer).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer realm="nmc"' } });
    expect(codeOf(answer)).toBe('http/token');
    expect(await ask(port, requestText('GET /healthz', { host: 'mesh.test' }))).toMatchObject({ status: 200 });
  });

  test.each(['GET /metrics', 'GET /healthz'])('refuses %s under a foreign name with 421', async (line) => {
    const answer = await ask(port, requestText(line, { host: 'evil.example' }));
    expect(answer).toMatchObject({ status: 421 });
    expect(codeOf(answer)).toBe('http/host');
  });

  test('refuses a WebSocket to a page under a foreign name, and allows any name to other programs', async () => {
    const page = { ...UPGRADE, host: 'evil.example', origin: 'http://evil.example' };
    expect(await ask(port, requestText('GET /', page))).toMatchObject({ status: 421 });
    expect(await ask(port, requestText('GET /', { ...UPGRADE, host: 'any.example' }))).toMatchObject({ status: 101 });
  });

  test.each([
    ['POST /metrics', {}, 405],
    ['DELETE /healthz', {}, 405],
    ['GET /healthz', { 'content-length': '5' }, 413],
    ['GET /healthz', { 'transfer-encoding': 'chunked' }, 413],
    ['GET /nowhere', {}, 404],
    ['NONSENSE', {}, 400],
  ])('refuses %s %j in JSON', async (line, headers, status) => {
    const answer = await ask(port, requestText(line, headers));
    expect(answer).toMatchObject({ status });
    const { error } = JSON.parse(answer?.body ?? '') as { error: object };
    expect(Object.keys(error)).toEqual(['code', 'message', 'repair']);
  });

  test('ends with the process in the middle of a request', async () => {
    const half = new RawConnection(port).send('GET /healthz HTTP/1.1\r\nhost: ');
    expect(await ask(port, requestText('GET /healthz'))).toMatchObject({ status: 200 });
    child?.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 0, signal: null });
    half.end();
  });
});

describe('the HTTP server alone', () => {
  const doors: HttpDoor[] = [];

  afterAll(async () => {
    for (const door of doors) await door.close();
  });

  async function open(options: Partial<HttpDoorOptions> = {}): Promise<number> {
    const door = new HttpDoor({ hosts: new Hosts(['127.0.0.1', 'mesh.test']), metrics: () => 'x 1\n', ...options });
    doors.push(door);
    return door.listen('127.0.0.1', 0);
  }

  test.each([
    ['silence', ''],
    ['half of the headers', 'GET /metrics HTTP/1.1\r\nx: '],
  ])('closes a connection after %s', async (_name, bytes) => {
    const limits = { ...SERVER_LIMITS, headersMilliseconds: 200, requestMilliseconds: 200 };
    const port = await open({ limits });
    await new RawConnection(port).send(bytes).closed;
  });

  test('speaks TLS with a certificate, and closes other connections', async () => {
    const limits = { ...SERVER_LIMITS, headersMilliseconds: 500, requestMilliseconds: 500 };
    const port = await open({ limits, certificate: { cert: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY } });
    const status = await new Promise((resolve, reject) => {
      const asked = request({ port, path: '/healthz', ca: TEST_CERTIFICATE, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on('error', reject).end();
    });
    expect(status).toBe(200);
    for (const bytes of ['', 'GET /healthz HTTP/1.1\r\n\r\n']) await new RawConnection(port).send(bytes).closed;
  });

  test('asks everywhere for a token for /metrics where tokens exist, and takes no other', async () => {
    const file = join(folder, 'tokens.json');
    const token = addToken(file, 'prometheus', new Date(0));
    const port = await open({ tokens: new TokenFile(file) });
    const metrics = (host: string, authorization: string) =>
      ask(port, requestText('GET /metrics', { host, authorization }));
    expect(await metrics('mesh.test', `Bearer ${token}`)).toMatchObject({ status: 200, body: 'x 1\n' });
    expect(await metrics('127.0.0.1', '')).toMatchObject({ status: 401 });
    expect(await metrics('127.0.0.1', `Bearer ${token.slice(0, -1)}`)).toMatchObject({ status: 401 });
  });
});

test('texts from outside stay within their label', () => {
  const run = 'a"} 1\nnmc_runs{state="running"} 99\\\r\u001b[2J\u2028';
  const text = labelsText({ run, shard: 0 });
  const escaped = String.raw`a\"} 1\\x0anmc_runs{state=\"running\"} 99\\\\x0d\\x1b[2J\\u2028`;
  expect(text).toBe(`{run="${escaped}",shard="0"}`);
  expect(labelsText({ reason: 'x'.repeat(100_000) }).length).toBeLessThan(200);
  expect(labelsText({})).toBe('');
});
