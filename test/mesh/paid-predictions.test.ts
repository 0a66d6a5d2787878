/** Predictions that are paid for: a real server over HTTP, a ledger as a synchronizer writes it, and the client command. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenTill, openTill } from '../../runtime/cli/mesh/serve-till.ts';
import { holdChannel, keepChannel, keptChannel, writeChannel } from '../../runtime/cli/mesh/wallet.ts';
import { answerSigner } from '../../runtime/cli/training/answer-signer.ts';
import { ensureKey, userKeyPath } from '../../runtime/identity/key-file.ts';
import { LEDGER } from '../../runtime/ledger/entry.ts';
import type { Opening } from '../../runtime/ledger/signed-payments.ts';
import { spendable } from '../../runtime/ledger/state.ts';
import { MARGIN_MS } from '../../runtime/ledger/till.ts';
import { verifyRecords } from '../../runtime/ledger/verify.ts';
import { LedgerKeeper } from '../../runtime/net/ledger-keeper.ts';
import type { Link } from '../../runtime/net/link.ts';
import { wallNow } from '../../runtime/support/clock.ts';
import type { Question } from '../../runtime/wire/messages.ts';
import { keyOf, keysOf, MESH } from '../support/ledger.ts';
import { memoryBackplane } from '../support/memory-backplane.ts';
import { nmcInProcess, type Printed } from '../support/nmc-in-process.ts';
import { closing, ledgerWith, opening, voucher } from '../support/payments.ts';
import { startPredictionServer, type TestServer } from '../support/prediction-server.ts';
import { removeFolder } from '../support/remove-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-paid-'));
const before = process.env.NMC_CONFIG;
process.env.NMC_CONFIG = folder;
afterAll(() => {
  if (before === undefined) delete process.env.NMC_CONFIG;
  else process.env.NMC_CONFIG = before;
  removeFolder(folder);
});

/** The client is the user of this test; the server, in the same process, has the same folder, and so the same key. */
const PAYER = keysOf(81);
const SERVER = ensureKey(userKeyPath());
const HOUR = 3_600_000;
const PRICE = 2;
const payerFile = join(folder, 'payer.json');

let mesh: ReturnType<typeof ledgerOf>;
let till: OpenTill;
let server: TestServer;

/** A ledger in which the payer has 100 tokens, and a synchronizer that writes it. */
function ledgerOf() {
  const backplane = memoryBackplane();
  const written = ledgerWith(100, [PAYER]);
  written.now = Math.round(wallNow());
  backplane.kept.set(LEDGER, [...written.records]);
  const keeper = new LedgerKeeper({
    ...{ backplane, keys: MESH, now: () => Math.round(wallNow()), log: () => undefined, run: () => undefined },
  });
  keeper.write(true);
  const ask = async (question: Question): Promise<unknown> => {
    if (question.what === 'ledger') return { records: await backplane.chain(LEDGER, question.from, 1000) };
    if (question.what === 'order') await keeper.order(question.order);
    return {};
  };
  const link = { peer: keyOf(MESH), ask, close: () => undefined } as unknown as Link;
  const state = () => verifyRecords(backplane.kept.get(LEDGER) ?? []).state;
  return { written, keeper, link, state, has: (key: string) => Number(spendable(state().accounts.get(key))) };
}

beforeEach(async () => {
  const seed = Buffer.from(PAYER.secretKey.subarray(0, 32)).toString('base64url');
  writeFileSync(payerFile, JSON.stringify({ format: 'nmc-key-1', publicKey: keyOf(PAYER), seed }), { mode: 0o600 });
  mesh = ledgerOf();
  till = await openTill(async () => mesh.link, PRICE, 10);
  server = await startPredictionServer({ till, sign: answerSigner(SERVER), answer: (x) => 3 * x });
});

afterEach(async () => {
  await server.close();
  await till.close();
  mesh.keeper.write(false);
});

async function opened(tokens: number, expires = Math.round(wallNow()) + HOUR): Promise<Opening> {
  const channel = opening(mesh.written, PAYER, SERVER, { tokens, expires });
  await mesh.keeper.order(channel);
  keepChannel(channel, keyOf(MESH), payerFile);
  return channel;
}

function predict(samples: number, ...options: string[]): Promise<Printed> {
  const input = join(folder, 'samples.jsonl');
  writeFileSync(input, Array.from({ length: samples }, (_, i) => `{"x": [${i}]}\n`).join(''));
  return nmcInProcess('predict', `http://127.0.0.1:${server.port}`, '--input', input, '--json', ...options);
}

/** Predictions; a refusal is a line of its own. */
function rowsIn({ stdout }: Printed): unknown[] {
  const lines = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as object]));
  return lines.filter((line) => 'input' in line);
}

async function post(body: unknown, paid?: unknown): Promise<{ status: number; body: unknown }> {
  const headers = { 'content-type': 'application/json', ...(paid ? { 'nmc-voucher': JSON.stringify(paid) } : {}) };
  const response = await fetch(`http://127.0.0.1:${server.port}/predict`, {
    ...{ method: 'POST', headers, body: JSON.stringify(body) },
  });
  return { status: response.status, body: await response.json() };
}

test('a client pays for predictions, runs out and is refused; the server is paid what they cost', async () => {
  const { channel } = await opened(10);
  const first = await predict(4, '--pay', channel);
  expect([first.code, first.stderr]).toEqual([0, '']);
  expect(rowsIn(first)).toEqual([0, 1, 2, 3].map((x) => ({ input: String(x + 1), y: [3 * x] })));
  const second = await predict(3, '--pay', channel);
  expect(rowsIn(second)).toHaveLength(1);
  expect([second.code, second.stderr]).toEqual([2, expect.stringContaining('2 samples are not predicted')]);
  expect(second.stderr).toContain('10 of the 10 tokens of the channel are spent');
  const refused = await predict(1, '--pay', channel);
  expect([refused.code, rowsIn(refused)]).toEqual([2, []]);
  await till.close();
  expect([mesh.has(keyOf(SERVER)), mesh.has(keyOf(PAYER))]).toEqual([10, 90]);
});

test('a request without a voucher, or with one that does not cover it, is told what is owed', async () => {
  const channel = await opened(10);
  const terms = { mesh: keyOf(MESH), server: keyOf(SERVER), price: PRICE };
  expect(await post({ x: [1] })).toMatchObject({
    status: 402,
    body: { error: { code: 'serve/payment', payment: terms } },
  });
  expect((await post([{ x: [1] }, { x: [2] }], voucher(channel, 3, PAYER))).body).toMatchObject({
    error: { payment: { ...terms, channel: channel.channel, owed: 4 } },
  });
  const paid = voucher(channel, 4, PAYER);
  expect(await post([{ x: [1] }, { x: [2] }], paid)).toEqual({ status: 200, body: [{ y: [3] }, { y: [6] }] });
  // The same one again has paid for these, and for nothing more.
  expect(await post({ x: [1] }, paid)).toMatchObject({ status: 402, body: { error: { payment: { owed: 6 } } } });
});

test('vouchers for another server, forged, beyond the channel, of a stranger’s channel or of one that closes are refused', async () => {
  const channel = await opened(10);
  const refused = async (paid: unknown): Promise<string> => {
    const { status, body } = await post({ x: [1] }, paid);
    expect(status).toBe(402);
    return (body as { error: { message: string } }).error.message;
  };
  expect(await refused({ junk: 1 })).toBe('this is not a voucher');
  expect(await refused(voucher({ ...channel, server: keyOf(PAYER) }, 2, PAYER))).toMatch(/another server/);
  expect(await refused(voucher(channel, 2, keysOf(82)))).toMatch(/has not signed/);
  expect(await refused(voucher(channel, 11, PAYER))).toMatch(/the channel has 10 tokens/);
  expect(await refused(voucher({ ...channel, channel: 'f'.repeat(32) }, 2, PAYER))).toMatch(/no open channel/);
  expect(await refused(voucher({ ...channel, expires: Math.round(wallNow()) + MARGIN_MS / 2 }, 2, PAYER))).toMatch(
    /too soon/,
  );
  await post({ x: [1] }, voucher(channel, 2, PAYER));
  await mesh.keeper.order(closing(channel, PAYER));
  // What was promised before is redeemed while it can be, and the rest comes back at once.
  await till.look();
  await mesh.keeper.look();
  expect([mesh.has(keyOf(SERVER)), mesh.has(keyOf(PAYER)), mesh.state().channels.size]).toEqual([2, 98, 0]);
  await till.look();
  expect(await refused(voucher(channel, 4, PAYER))).toMatch(/no open channel/);
});

test('a prediction that fails costs nothing, and an answer that was lost is not paid twice', async () => {
  const channel = await opened(10);
  expect(await post({ x: [1, 2] }, voucher(channel, 2, PAYER))).toMatchObject({ status: 400 });
  expect(await post({ x: [1] }, voucher(channel, 2, PAYER))).toMatchObject({ status: 200 });
  // The client has signed for it, and does not know that it was answered.
  writeChannel({ ...keptChannel(channel.channel), signed: 2 });
  const { code, stderr } = await predict(1, '--pay', channel.channel);
  expect([code, stderr]).toEqual([0, '']);
  expect(keptChannel(channel.channel)).toMatchObject({ spent: 4, signed: 4 });
});

test('a client spends no more than --max, pays no other server, and none that says it owes what was never signed', async () => {
  const { channel } = await opened(10);
  const some = await predict(3, '--pay', channel, '--max', '4');
  expect([some.code, rowsIn(some).length]).toEqual([2, 2]);
  expect(some.stderr).toContain('more than --max leaves');
  expect((await predict(1)).stderr).toContain('--pay is missing');
  writeChannel({ ...keptChannel(channel), server: keyOf(PAYER) });
  expect((await predict(1, '--pay', channel)).stderr).toContain('is for the server');
  writeChannel({ ...keptChannel(channel), server: keyOf(SERVER), spent: 0, signed: 0 });
  expect((await predict(1, '--pay', channel)).stderr).toContain('the channel owes 6');
});

test('two commands do not pay over one channel at once', async () => {
  const { channel } = await opened(10);
  const release = holdChannel(channel);
  expect((await predict(1, '--pay', channel)).stderr).toContain('pays over the channel');
  release();
  expect((await predict(1, '--pay', channel)).code).toBe(0);
});

test('a server tells its terms, and one that is not paid takes no voucher', async () => {
  const read = async (path: string): Promise<unknown> => (await fetch(`http://127.0.0.1:${server.port}${path}`)).json();
  expect(await read('/healthz')).toMatchObject({ payment: { price: PRICE, server: keyOf(SERVER) } });
  const described = await read('/openapi.json');
  expect(described).toMatchObject({
    paths: { '/predict': { post: { parameters: [{ in: 'header', name: 'nmc-voucher' }], responses: { 402: {} } } } },
  });
  await server.close();
  server = await startPredictionServer({ sign: answerSigner(SERVER), answer: (x) => 3 * x });
  const file = join(folder, 'free.jsonl');
  expect(rowsIn(await predict(2, '--answers', file))).toHaveLength(2);
  expect(readFileSync(file, 'utf8')).toContain(keyOf(SERVER));
  const { channel } = await opened(10);
  expect((await predict(1, '--pay', channel)).stderr).toContain('this server is not paid');
});

test('a server that begins anew takes no voucher twice', async () => {
  const channel = await opened(10);
  const paid = voucher(channel, 4, PAYER);
  await post([{ x: [1] }, { x: [2] }], paid);
  await server.close();
  await till.close();
  till = await openTill(async () => mesh.link, PRICE, 10);
  server = await startPredictionServer({ till, sign: answerSigner(SERVER) });
  expect(await post({ x: [1] }, paid)).toMatchObject({ status: 402, body: { error: { payment: { owed: 6 } } } });
  await expect(openTill(async () => mesh.link, PRICE, 10)).rejects.toMatchObject({ code: 'serve/till' });
});

test('answers are signed, and kept with the word of the server', async () => {
  const { channel } = await opened(10);
  const file = join(folder, 'answers.jsonl');
  await predict(2, '--pay', channel, '--answers', file);
  const [kept] = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(kept).toMatchObject({
    ...{ format: 'nmc/answer/1', answer: '[{"y":[0]},{"y":[3]}]' },
    word: { by: keyOf(SERVER), weights: '0'.repeat(64), task: 'echo' },
  });
});
