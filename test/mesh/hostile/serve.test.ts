/** Strangers attack a prediction server over raw sockets: each is answered or closed, and others are served. */
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { startPredictionServer, type TestServer, type TestServerOptions } from '../../support/prediction-server.ts';
import { ask, codeOf, RawConnection, requestText } from '../../support/raw-http.ts';

const SAMPLE = '{"x": [1]}';
const KB = 1024;
/** Only to give up. */
const EVENTUALLY = { timeout: 20_000, interval: 20 };
/** Addresses of this machine are clients of their own; only Linux has them all without being asked. */
const manyAddresses = process.platform === 'linux';

let server: TestServer | undefined;
const connections: RawConnection[] = [];

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  server = await startPredictionServer(options);
  return server;
}

function open(port: number, from?: string): RawConnection {
  const connection = new RawConnection(port, from);
  connections.push(connection);
  return connection;
}

const predict = (value: unknown, headers: Readonly<Record<string, string>> = {}): string =>
  requestText('POST /predict', headers, typeof value === 'string' ? value : JSON.stringify(value));

/** A gauge of `/metrics`. */
async function gauge(port: number, name: string): Promise<number> {
  const { body = '' } = (await ask(port, requestText('GET /metrics'))) ?? {};
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(body)?.[1]);
}

const connectionsOf = (app: TestServer['app']): Promise<number> =>
  new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));

const waiting = (port: number): Promise<number> => gauge(port, 'nmc_requests_waiting');

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.end();
  await server?.close();
  expect(server?.failures ?? []).toEqual([]);
  server = undefined;
});

describe('a request', () => {
  const hurried = { server: { headersMilliseconds: 200, requestMilliseconds: 400 } };

  test.each([
    ['silence', ''],
    ['half of the headers', 'POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: '],
  ])('is closed after %s', async (_name, bytes) => {
    const { port } = await start({ limits: hurried });
    const connection = open(port).send(bytes);
    await connection.closed;
    expect(await ask(port, predict(SAMPLE))).toMatchObject({ status: 200 });
  });

  test('is closed in the middle of its body, and when it comes byte by byte', async () => {
    const { port } = await start({ limits: { ...hurried, body: { stalledMilliseconds: 150 } } });
    const stalled = open(port).send(requestText('POST /predict', { 'content-length': '1000' }), 'x'.repeat(10));
    expect(codeOf(await stalled.answer())).toBe('http/slow');
    await stalled.closed;
    const slow = open(port).send(requestText('POST /predict', { 'content-length': '100000' }));
    const drip = setInterval(() => slow.send('x'), 20);
    await slow.closed;
    clearInterval(drip);
  });

  test('takes no more memory than the budget for bodies, whatever length it announces', async () => {
    const budget = { bytes: 512 * KB, bytesPerClient: 256 * KB };
    const { port } = await start({ limits: { budget, body: { bytes: 128 * KB, stalledMilliseconds: 60_000 } } });
    const half = requestText('POST /predict', { 'content-length': String(100 * KB) });
    // Announced only, they keep nobody out.
    const silent = Array.from({ length: 20 }, () => open(port).send(half));
    expect(await ask(port, predict(SAMPLE))).toMatchObject({ status: 200 });
    for (const connection of silent) connection.send(' '.repeat(90 * KB));
    const refused = await Promise.race(silent.map((connection) => connection.answer()));
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1', connection: 'close' } });
    // In blocks of 64 KB, two of these bodies fill a client's share.
    await expect.poll(() => silent.filter((c) => c.ended).length, EVENTUALLY).toBe(18);
    expect(await gauge(port, 'nmc_request_bytes')).toBeLessThanOrEqual(budget.bytesPerClient);
    expect(codeOf(await open(port).send(half).answer())).toBe('http/busy');
    // Another client has its own share.
    if (manyAddresses) expect(await ask(port, predict(SAMPLE), '127.0.0.2')).toMatchObject({ status: 200 });
    for (const connection of silent) connection.end();
    await expect.poll(() => gauge(port, 'nmc_request_bytes'), EVENTUALLY).toBe(0);
    expect(await ask(port, predict(' '.repeat(90 * KB) + SAMPLE))).toMatchObject({ status: 200 });
  });

  test('is refused beyond the limit of a body, before it is sent and while it is', async () => {
    const { port } = await start({ limits: { body: { bytes: KB } } });
    const announced = open(port).send(
      requestText('POST /predict', { 'content-length': '2000', expect: '100-continue' }),
    );
    expect(await announced.answer()).toMatchObject({ status: 413 });
    const chunked = { 'content-length': '', 'transfer-encoding': 'chunked' };
    const sent = open(port).send(requestText('POST /predict', chunked), `800\r\n${' '.repeat(2048)}\r\n`);
    expect(codeOf(await sent.answer())).toBe('http/large');
    await sent.closed;
  });

  test('hears why it was refused also while it still sends', async () => {
    const { port } = await start({ limits: { body: { bytes: KB } } });
    const long = requestText('POST /predict', { 'content-length': String(8 * KB * KB) });
    const body = Buffer.alloc(8 * KB * KB, 0x20);
    for (let i = 0; i < 20; i++) {
      const sending = open(port).send(long, body);
      expect(codeOf(await sending.answer())).toBe('http/large');
      await sending.closed;
    }
    await expect.poll(() => connectionsOf(server?.app as TestServer['app']), EVENTUALLY).toBe(0);
  });

  test('takes nothing more once it was answered', async () => {
    const { port } = await start();
    const connection = open(port);
    for (let i = 0; i < 3; i++) expect(await connection.send(predict(SAMPLE)).answer()).toMatchObject({ status: 200 });
    await expect.poll(() => gauge(port, 'nmc_request_bytes'), EVENTUALLY).toBe(0);
  });

  test('is read as any other when it comes in pieces of one byte', async () => {
    const { port } = await start();
    const chunked = { 'content-length': '', 'transfer-encoding': 'chunked' };
    const pieces = [...' '.repeat(20_000), ...SAMPLE].map((byte) => `1\r\n${byte}\r\n`).join('');
    expect(await ask(port, `${requestText('POST /predict', chunked)}${pieces}0\r\n\r\n`)).toMatchObject({
      status: 200,
    });
  });

  test('is closed when its client does not read the answer', async () => {
    const { port, app } = await start({ wide: 3_000_000, limits: { answerMilliseconds: 300 } });
    const accepted = once(app.server, 'connection');
    const connection = open(port).send(predict([{ x: [1] }, { x: [2] }, { x: [3] }, { x: [4] }]));
    connection.socket.pause();
    await accepted;
    await expect.poll(() => connectionsOf(app), EVENTUALLY).toBe(0);
  });

  test('is closed when its client asks again and again and reads nothing', async () => {
    const { port, app } = await start({ limits: { server: { silentMilliseconds: 300 } } });
    const accepted = once(app.server, 'connection');
    const connection = open(port);
    connection.socket.pause();
    connection.send(requestText('GET /openapi.json').repeat(20_000));
    await accepted;
    await expect.poll(() => connectionsOf(app), EVENTUALLY).toBe(0);
  });
});

describe('one client among others', () => {
  test.runIf(manyAddresses)('with many requests does not keep another waiting', async () => {
    const { port, begun, release } = await start({ gated: true });
    const greedy = Array.from({ length: 30 }, (_, i) => open(port).send(predict({ x: [100 + i] })));
    await expect.poll(() => waiting(port), EVENTUALLY).toBe(28);
    const modest = open(port, '127.0.0.2').send(predict({ x: [7] }));
    await expect.poll(() => waiting(port), EVENTUALLY).toBe(29);
    for (let i = 0; i < 31; i++) release();
    expect(await modest.answer()).toMatchObject({ status: 200 });
    await Promise.all(greedy.map((connection) => connection.answer()));
    expect(begun).toHaveLength(31);
    // Two were under way; of those that waited one of the other client's may go first.
    expect(begun.indexOf(7)).toBeLessThanOrEqual(3);
  });

  test('may have a bounded number of requests waiting', async () => {
    const { port, begun, release } = await start({ gated: true, limits: { queue: { width: 1, waitingPerClient: 3 } } });
    const all = Array.from({ length: 6 }, (_, i) => open(port).send(predict({ x: [i] })));
    const answers = all.map((connection) => connection.answer());
    const refused = await Promise.race(answers);
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(codeOf(refused)).toBe('http/busy');
    await expect.poll(() => all.filter((c) => c.ended).length, EVENTUALLY).toBe(2);
    for (let i = 0; i < 4; i++) release();
    const statuses = (await Promise.all(answers)).map((answer) => answer?.status).sort();
    expect(statuses).toEqual([200, 200, 200, 200, 503, 503]);
    expect(begun).toHaveLength(4);
  });

  test('that is gone frees its place', async () => {
    const { port, begun, release } = await start({ gated: true, limits: { queue: { width: 1, waiting: 1 } } });
    const first = open(port).send(predict({ x: [1] }));
    await expect.poll(() => begun, EVENTUALLY).toEqual([1]);
    const second = open(port).send(predict({ x: [2] }));
    await expect.poll(() => waiting(port), EVENTUALLY).toBe(1);
    expect(await ask(port, predict({ x: [3] }))).toMatchObject({ status: 503 });
    second.end();
    await expect.poll(() => waiting(port), EVENTUALLY).toBe(0);
    const fourth = open(port).send(predict({ x: [4] }));
    await expect.poll(() => waiting(port), EVENTUALLY).toBe(1);
    for (let i = 0; i < 2; i++) release();
    expect(await first.answer()).toMatchObject({ status: 200 });
    expect(await fourth.answer()).toMatchObject({ status: 200 });
    expect(begun).toEqual([1, 4]);
  });

  test('with requests in a row on a connection that breaks leaves nothing behind', async () => {
    const budget = { bytes: 512 * KB, bytesPerClient: 100 * KB };
    const { port, begun, release } = await start({ gated: true, limits: { budget, queue: { width: 1 } } });
    const body = ' '.repeat(30 * KB) + SAMPLE;
    const connection = open(port).send(predict(body), predict(body), predict(body));
    await expect.poll(() => begun.length, EVENTUALLY).toBe(1);
    connection.end();
    for (let i = 0; i < 10; i++) release();
    await expect.poll(() => gauge(port, 'nmc_request_bytes'), EVENTUALLY).toBe(0);
    expect(await ask(port, predict(SAMPLE))).toMatchObject({ status: 200 });
  });

  test.runIf(manyAddresses)('with many connections leaves room for others', async () => {
    const { port } = await start({ limits: { server: { connections: 8, connectionsPerClient: 4 } } });
    const all = Array.from({ length: 8 }, () => open(port));
    await expect.poll(() => all.filter((c) => c.ended).length, EVENTUALLY).toBe(4);
    expect(await ask(port, predict(SAMPLE), '127.0.0.2')).toMatchObject({ status: 200 });
  });
});

describe('a web page from elsewhere, in a browser on this machine,', () => {
  test.each(['evil.example', 'evil.example:8080', '127.0.0.1.evil.example', '127.evil.example', '[::2]', 'a b', '@'])(
    'is refused when it calls the server %s',
    async (host) => {
      const { port } = await start();
      for (const request of [requestText('GET /healthz', { host }), predict(SAMPLE, { host })]) {
        const answer = await ask(port, request);
        expect(answer).toMatchObject({ status: 421 });
        expect(JSON.parse(answer?.body ?? '')).toMatchObject({
          error: { code: 'http/host', repair: expect.stringContaining('--host') },
        });
      }
    },
  );

  test('is refused with two Host headers, or with none', async () => {
    const { port } = await start();
    const two = 'GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nHost: evil.example\r\n\r\n';
    expect(await ask(port, two)).toMatchObject({ status: 421 });
    expect(await ask(port, 'GET /healthz HTTP/1.0\r\n\r\n')).toMatchObject({ status: 421 });
  });

  test.each(['127.0.0.1', 'localhost', 'LOCALHOST:1', '[::1]', 'mesh.test:80', 'mesh.test.'])(
    'may call the server %s',
    async (host) => {
      const { Hosts } = await import('../../../runtime/http/hosts.ts');
      const { port } = await start({ hosts: new Hosts(['0.0.0.0', 'Mesh.test']) });
      expect(await ask(port, requestText('GET /healthz', { host }))).toMatchObject({ status: 200 });
    },
  );

  test.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['multipart/form-data; boundary=x'],
    ['text/plain; application/json'],
    ['application/json-seq'],
    ['json'],
    [''],
  ])('cannot send a body as %s', async (type) => {
    const { port, begun } = await start();
    const answer = await ask(port, predict(SAMPLE, { 'content-type': type }));
    expect(answer).toMatchObject({ status: 415 });
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({
      error: { code: 'http/type', repair: expect.stringContaining('application/json') },
    });
    expect(begun).toEqual([]);
  });

  test('may send JSON under its own type, but not compressed', async () => {
    const { port } = await start();
    const type = { 'content-type': 'Application/JSON; charset=utf-8' };
    expect(await ask(port, predict(SAMPLE, type))).toMatchObject({ status: 200 });
    expect(await ask(port, predict(SAMPLE, { 'content-encoding': 'gzip' }))).toMatchObject({ status: 415 });
  });
});

describe('JSON that costs more than its length', () => {
  const deep = (n: number): string => '['.repeat(n) + ']'.repeat(n);

  test.each([
    ['lists in lists', deep(100_000)],
    ['lists that do not end', '['.repeat(100_000)],
    ['objects in objects', `${'{"x":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['lists in a field', `{"x": ${deep(100_000)}}`],
    ['a million empty objects', `[${'{},'.repeat(1_000_000)}{}]`],
    ['more numbers than any samples have', `{"x": [${'0,'.repeat(1_000_000)}0]}`, 'serve/body'],
    ['a prototype', '{"x": [1], "__proto__": {"y": 1}}'],
    ['a prototype by numbers', '{"x": [1], "\\u005f_pr\\u006Fto__" : {"y": 1}}'],
    ['a constructor', '{"x": [1], "constructor": {"prototype": {}}}'],
    ['a lone quote', '"'],
    ['nothing', ''],
    ['a number beyond all', '{"x": [1e999]}'],
    ['too many samples', `[${Array(4097).fill(SAMPLE).join(',')}]`],
  ])('is answered with 400 and the reason: %s', async (_name, body, code = '') => {
    const { port, begun } = await start();
    const answer = await ask(port, predict(body));
    expect(answer).toMatchObject({ status: 400, headers: { 'content-type': expect.stringContaining('json') } });
    expect(codeOf(answer)).toMatch(code || /^(serve\/body|data\/)/);
    expect(begun).toEqual([]);
  });

  test('is refused where its bytes are not UTF-8', async () => {
    const { port } = await start();
    const body = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]);
    const connection = open(port).send(requestText('POST /predict', { 'content-length': '5' }), body);
    expect(codeOf(await connection.answer())).toBe('serve/body');
  });

  test('has no depth from brackets inside of text', async () => {
    const { port } = await start();
    const body = `{"x": [1], "note": "${'['.repeat(1000)}\\"${'{'.repeat(1000)}"}`;
    expect(await ask(port, predict(body))).toMatchObject({ status: 200 });
  });
});

test.each([
  ['a request that is not HTTP', 'HELLO\r\n\r\n', 400],
  ['headers without end', `GET / HTTP/1.1\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 431],
  ['an address that cannot be read', requestText('GET /%zz'), 400],
  ['a path that does not exist', requestText(`GET /${'x'.repeat(5000)}`), 404],
  ['a long address that cannot be read', requestText(`GET /%zz${'x'.repeat(5000)}`), 400],
  ['another method', requestText('DELETE /predict'), 404],
])('%s is answered in JSON', async (_name, request, status) => {
  const { port } = await start();
  const answer = await ask(port, request);
  expect(answer).toMatchObject({ status });
  const { error } = JSON.parse(answer?.body ?? '') as { error: Record<string, string> };
  expect(Object.keys(error)).toEqual(['code', 'message', 'repair']);
  expect(answer?.body.length).toBeLessThan(500);
});
