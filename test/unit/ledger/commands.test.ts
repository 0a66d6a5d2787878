/** `nmc ledger` on copies in files, as somebody uses it who cannot reach the mesh. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { ChainedRecord } from '../../../runtime/backplane/backplane.ts';
import { signCharter, signProposal, signVote } from '../../../runtime/ledger/signed-votes.ts';
import { keyOf, keysOf, MESH, OPERATOR, WrittenLedger } from '../../support/ledger.ts';
import { nmcInProcess } from '../../support/nmc-in-process.ts';
import { ledgerWith, opening, payment, voucher } from '../../support/payments.ts';
import { removeFolder } from '../../support/remove-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-ledger-'));
afterAll(() => removeFolder(folder));

const [ANN, BOB] = [keysOf(71), keysOf(72)];

/** Of two trainers in turn; from the fourth stretch on as `end` says. */
function written(end: typeof ANN): WrittenLedger {
  const ledger = new WrittenLedger(2);
  ledger.run([1n]);
  ledger.add(ledger.funds('emission', 1000, OPERATOR));
  for (let i = 0; i < 6; i++) {
    const trainer = i < 3 ? [ANN, BOB][i % 2] : end;
    ledger.add(ledger.stretch({ shard: 0, from: 10 * i, to: 10 * i + 10, trainer: trainer ?? ANN }));
    ledger.settle();
  }
  ledger.seal();
  return ledger;
}

function file(name: string, records: readonly ChainedRecord[]): string {
  const path = join(folder, name);
  writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return path;
}

const { records } = written(ANN);
const copy = file('copy.jsonl', records);
const ledger = async (...argv: string[]): Promise<{ code: number; lines: Record<string, unknown>[] }> => {
  const { code, stdout } = await nmcInProcess('ledger', ...argv, '--json');
  return { code, lines: stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)])) };
};

test('a copy is verified, shown and counted without the mesh', async () => {
  const [head] = records.slice(-1);
  expect(await ledger('verify', copy)).toMatchObject({
    code: 0,
    lines: [{ forks: [], copies: [{ records: records.length, head: head?.hash, mesh: keyOf(MESH), problems: [] }] }],
  });
  const shown = await ledger('show', '--file', copy);
  expect(shown.lines.map(({ type }) => type).slice(0, 4)).toEqual(['opened', 'run', 'emission', 'pending']);
  expect((await ledger('balance', keyOf(ANN), '--file', copy)).lines).toEqual([
    { key: keyOf(ANN), earned: '300', balance: '300', pending: 2, excluded: false },
  ]);
  const receipts = await ledger('receipts', keyOf(BOB), '--file', copy);
  expect(receipts.lines).toMatchObject([
    { type: 'pending', to: 20 },
    { type: 'granted', to: 20, tokens: 100 },
  ]);
  const printed = await nmcInProcess('ledger', 'verify', copy);
  expect(printed.stdout).toMatch(new RegExp(`^holds +${copy}: ${records.length} records`));
  expect(printed.stdout).toContain(`signed    records 1 to ${records.length - 1}, by ${keyOf(MESH)}`);
});

test('the proof of a balance holds alone, for the mesh that is named', async () => {
  const proof = join(folder, 'proof.json');
  expect((await ledger('proof', keyOf(ANN), '--file', copy, '-o', proof)).code).toBe(0);
  expect(await ledger('verify', proof, '--fingerprint', keyOf(MESH))).toMatchObject({
    code: 0,
    lines: [{ event: 'proof', earned: '300', balance: '300', by: keyOf(MESH), problem: null }],
  });
  expect((await ledger('verify', proof, '--fingerprint', keyOf(ANN))).code).toBe(1);
  writeFileSync(proof, readFileSync(proof, 'utf8').replace('"300"', '"301"'));
  expect(await ledger('verify', proof)).toMatchObject({ code: 1, lines: [{ problem: expect.any(String) }] });
});

test('a copy that was changed is named with the record, and no balance is read from it', async () => {
  const changed = file(
    'changed.jsonl',
    records.map((r, i) => (i === 3 ? { ...r, value: r.value.replace('"to":10', '"to":11') } : r)),
  );
  const verified = await ledger('verify', changed);
  const [{ copies = [] } = {}] = verified.lines as { copies?: { problems: { sequence: number }[] }[] }[];
  expect([verified.code, copies[0]?.problems[0]?.sequence]).toEqual([1, 4]);
  const { code, stderr } = await nmcInProcess('ledger', 'balance', '--file', changed);
  expect([code, stderr]).toEqual([2, expect.stringContaining('ledger/damaged')]);
});

test('two copies with two heads are named with who has signed both', async () => {
  const other = written(BOB).records;
  const at = records.findIndex(({ hash }, i) => other[i]?.hash !== hash);
  const { code, lines } = await ledger('verify', copy, file('other.jsonl', other));
  expect(code).toBe(1);
  expect(lines).toMatchObject([{ forks: [{ sequence: at + 1, heads: [{ by: keyOf(MESH) }, { by: keyOf(MESH) }] }] }]);
  // One that ends earlier is the same ledger.
  expect((await ledger('verify', copy, file('short.jsonl', records.slice(0, 7)))).code).toBe(0);
});

test('votes are shown from a copy, with what is in force since which record', async () => {
  const voted = new WrittenLedger(2);
  const settings = { auditRate: { value: 0.025, least: 0.01, most: 0.2 } };
  const charter = { settings, quorum: 0.5, majority: 0.5, standing: 0.1, voting: 1, delay: 1 };
  voted.add(signCharter(charter, keyOf(MESH), OPERATOR));
  voted.earnedBy([[ANN, 70]]);
  const [id, next] = [voted.id(), voted.id()];
  voted.add(signProposal({ id, setting: 'auditRate', value: 0.05 }, keyOf(MESH), ANN));
  voted.add(signVote({ proposal: id, vote: 'yes' }, keyOf(MESH), ANN));
  for (let i = 0; i < 4; i++) {
    voted.seal();
    voted.settle();
  }
  voted.add(signProposal({ id: next, setting: 'auditRate', value: 0.1 }, keyOf(MESH), ANN));
  const path = file('voted.jsonl', voted.records);
  const since = voted.records.findIndex(({ value }) => value.includes('"applied"')) + 1;
  const { stdout } = await nmcInProcess('vote', 'show', '--file', path, '--json');
  expect(stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))).toMatchObject([
    { event: 'governance', settings: { auditRate: 0.05 }, since: { auditRate: since } },
    { proposal: id, setting: 'auditRate', value: 0.05, state: 'applied', yes: 70, no: 0, of: 70, record: since },
    { proposal: next, state: 'voting', yes: 0, of: 70 },
  ]);
  const shown = await nmcInProcess('vote', 'show', '--file', path);
  expect(shown.stdout).toContain(`in force  auditRate 0.05, since record ${since}\n`);
  expect((await nmcInProcess('vote', 'show', '--file', copy)).stderr).toContain('ledger/charter');
  for (const words of [
    ['propose', 'auditRate', 'much'],
    ['propose', 'rate', '1'],
    ['cast', id, 'maybe'],
  ])
    expect((await nmcInProcess('vote', ...words)).code).toBe(2);
});

test('a charter is refused with what is wrong with it', async () => {
  const path = join(folder, 'charter.json');
  const init = async (text: string): Promise<string> => {
    writeFileSync(path, text);
    return (await nmcInProcess('mesh', 'init', '--charter', path)).stderr;
  };
  const low = '{"settings":{"auditRate":{"value":0.02,"least":0.001,"most":0.2}},"quorum":0.3,"majority":0.5,';
  expect(await init(`${low}"standing":0.01,"voting":1,"delay":1}`)).toMatch(/ledger\/charter.*auditRate: 0.01 ≤ least/);
  expect(await init('{}')).toContain("must have required property 'settings'");
  expect((await nmcInProcess('mesh', 'init', '--charter', join(folder, 'none'))).stderr).toContain('file/missing');
});

test('channels that are open are shown, and each payment stands in the receipts of both keys', async () => {
  const paying = ledgerWith(100, [ANN]);
  const channel = opening(paying, ANN, BOB, { tokens: 50, expires: 3_600_000 });
  paying.add(channel);
  paying.add(voucher(channel, 20, ANN));
  paying.add(payment(paying, ANN, OPERATOR, 5));
  const path = file('payments.jsonl', paying.records);
  const told = { channel: channel.channel, by: keyOf(ANN), server: keyOf(BOB), redeemed: '20', locked: '30' };
  expect((await ledger('channels', '--file', path)).lines).toMatchObject([told]);
  expect((await ledger('channels', keyOf(OPERATOR), '--file', path)).lines).toEqual([]);
  const typesOf = async (key: string): Promise<unknown[]> =>
    (await ledger('receipts', key, '--file', path)).lines.map(({ type }) => type);
  expect((await typesOf(keyOf(ANN))).slice(-3)).toEqual(['channel', 'redeemed', 'paid']);
  expect(await typesOf(keyOf(BOB))).toEqual(['channel', 'redeemed']);
});

test('an order that names no key or no tokens is refused before the mesh is asked', async () => {
  const none = file('no-vouchers.jsonl', []);
  for (const words of [
    ['redeem'],
    ['redeem', none],
    ['redeem', `${none}.x`],
    ['pay'],
    ['pay', 'KEY', '5'],
    ['open', keyOf(BOB), '1.5'],
    ['open', keyOf(BOB), '0'],
    ['close'],
  ])
    expect((await nmcInProcess('ledger', ...words)).code).toBe(2);
});

test('a file that is not a copy is refused with a repair', async () => {
  const none = join(folder, 'none.jsonl');
  expect((await nmcInProcess('ledger', 'verify', none)).stderr).toContain('file/missing');
  writeFileSync(none, 'x\n');
  expect((await nmcInProcess('ledger', 'verify', none)).stderr).toContain('line 1 of');
  writeFileSync(none, '');
  expect((await nmcInProcess('ledger', 'balance', '--file', none)).stderr).toContain('ledger/none');
  expect((await nmcInProcess('ledger', 'balance', 'KEY', '--file', copy)).stderr).toContain('ledger/key');
  expect((await nmcInProcess('ledger', 'fund', 'RUN')).code).toBe(2);
});
