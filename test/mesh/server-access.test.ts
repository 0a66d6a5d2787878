/** `nmc predict URL` of a server with a certificate of its own, and of one that asks for a token. */
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { addToken, TokenFile } from '../../runtime/identity/token-file.ts';
import { nmcInProcess, type Printed } from '../support/nmc-in-process.ts';
import { startPredictionServer, type TestServer, type TestServerOptions } from '../support/prediction-server.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from '../support/test-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-access-'));
const certificate = { cert: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY };
const ca = file('mesh.crt', TEST_CERTIFICATE);
const input = file('samples.jsonl', '{"x": [1]}\n{"x": [2]}\n');
const stored = join(folder, 'tokens.json');
const token = addToken(stored, 'laptop', new Date(0));
const tokens = new TokenFile(stored);
const secret = file('token', `${token}\n`);
const before = process.env.NMC_TOKEN;
let server: TestServer | undefined;

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
}

afterEach(async () => {
  if (before === undefined) delete process.env.NMC_TOKEN;
  else process.env.NMC_TOKEN = before;
  await server?.close();
  server = undefined;
});

afterAll(() => removeFolder(folder));

async function start(options: TestServerOptions): Promise<string> {
  server = await startPredictionServer({ answer: (x) => 3 * x, ...options });
  return `${options.certificate ? 'https' : 'http'}://127.0.0.1:${server.port}`;
}

const predict = (address: string, ...options: string[]): Promise<Printed> =>
  nmcInProcess('predict', address, '--input', input, '--json', ...options);

const ANSWERS = '{"input":"1","y":[3]}\n{"input":"2","y":[6]}\n';

test('a certificate that signs itself is trusted where --ca names it, and refused without', async () => {
  const address = await start({ certificate });
  expect(await predict(address, '--ca', ca)).toEqual({ code: 0, stdout: ANSWERS, stderr: '' });
  const refused = await predict(address);
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('self-signed certificate')]);
  expect(refused.stderr).toContain('--ca FILE');
  // It is of 127.0.0.1 and localhost, and of no other name of this machine.
  const elsewhere = await predict(address.replace('127.0.0.1', '127.0.0.2'), '--ca', ca);
  expect([elsewhere.code, elsewhere.stderr]).toEqual([3, expect.stringMatching(/does not answer: .+/)]);
  const plain = await predict('http://127.0.0.1:1', '--ca', ca);
  expect([plain.code, plain.stderr]).toEqual([2, expect.stringContaining('is not encrypted')]);
  const none = await predict(address, '--ca', input);
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('is not a certificate in PEM')]);
});

test('a token comes from a file of one’s own or from the environment', async () => {
  const address = await start({ tokens, certificate });
  const trusting = ['--ca', ca];
  const without = await predict(address, ...trusting);
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('this request needs a token')]);
  expect(without.stderr).toContain('--token-file FILE');
  expect(await predict(address, ...trusting, '--token-file', secret)).toMatchObject({ code: 0, stdout: ANSWERS });
  process.env.NMC_TOKEN = token;
  expect(await predict(address, ...trusting)).toMatchObject({ code: 0, stdout: ANSWERS });
  // The file counts where both are there.
  const wrong = await predict(address, ...trusting, '--token-file', file('wrong', `nmc_${'x'.repeat(43)}`));
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('the token is not valid')]);
  expect(wrong.stderr).not.toContain('xxx');
});

test('a token is not taken from where others can read it, nor sent where they can', async () => {
  const open = file('open', token);
  chmodSync(open, 0o644);
  for (const [options, code, words] of [
    [['--token-file', token], 2, 'can read a token on the command line'],
    [['--token-file', open], 3, 'others may read the token'],
    [['--token-file', join(folder, 'none')], 2, '(ENOENT)'],
    [['--token-file', file('two', 'one two')], 2, 'this is not a token'],
  ] as const) {
    const refused = await predict('http://127.0.0.1:1', ...options);
    expect([refused.code, refused.stderr]).toEqual([code, expect.stringContaining(words)]);
    expect(refused.stderr).not.toContain(token);
  }
  const far = await predict('http://192.0.2.1:8080', '--token-file', secret);
  expect([far.code, far.stderr]).toEqual([2, expect.stringContaining('could be read on its way')]);
  const inClear = await predict(`http://me:${token}@127.0.0.1:1`);
  expect([inClear.code, inClear.stderr]).toEqual([2, expect.stringContaining('can read a password')]);
  expect(inClear.stderr).not.toContain(token);
  // On this machine nobody else is on the way.
  expect(await predict(await start({ tokens }), '--token-file', secret)).toMatchObject({ code: 0, stdout: ANSWERS });
});

test('a redirection is told and not followed', async () => {
  const shown: (string | undefined)[] = [];
  const elsewhere = createServer((request, response) => {
    shown.push(request.url);
    response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  const { port } = elsewhere.address() as AddressInfo;
  const sent = await predict(`http://127.0.0.1:${port}/below/`, '--token-file', secret);
  elsewhere.closeAllConnections();
  elsewhere.close();
  expect([sent.code, sent.stderr]).toEqual([3, expect.stringContaining('http://127.0.0.1:1/elsewhere')]);
  expect(shown).toEqual(['/below/healthz']);
});

test('options of a server do not go with a run of this machine', async () => {
  for (const option of ['--ca', '--token-file']) {
    const refused = await nmcInProcess('predict', folder, '--input', input, option, secret);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(`${option} is of a server`)]);
  }
});
