/** Eight trainers, of which two leave out work: they are found, excluded, replaced and not paid, and the model learns. */
import type { ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LedgerEntry } from '../../runtime/ledger/entry.ts';
import { writeMachineRecord } from '../support/machine-record.ts';
import { TestMesh } from '../support/mesh.ts';
import { type JsonLine, jsonLines, nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { waitFor } from '../support/wait-for.ts';

const BOUND = 0.2;
const folder = temporaryFolder();
const model = writeTiny(folder, { epochs: 1000, bound: BOUND });
const mesh = new TestMesh(folder);
const LAZY = ['lazy-1', 'lazy-2'];
const PRELOAD = resolve('test/support/lazy-trainer.cjs');
const started: ChildProcess[] = [];

beforeAll(async () => {
  await mesh.start(6);
  const [made] = await mesh.json('keys', 'invite', '--uses', '2');
  for (const name of LAZY) {
    const config = join(folder, 'config', name);
    writeMachineRecord(config);
    void nmc(['join', mesh.up.address, '--fingerprint', mesh.up.key, '--name', name, '--state', name], {
      cwd: folder,
      env: { NMC_CONFIG: config, NMC_INVITE: String(made?.invite), NODE_OPTIONS: `--require ${PRELOAD}` },
      onStart: (child) => started.push(child),
    });
  }
  await waitFor('eight trainers', async () => (await mesh.status()).trainers.length === 8 || undefined);
}, 120_000);

afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
  mesh.kill();
});

const hasPassed = ({ event, accuracy }: JsonLine): boolean => event === 'epoch' && Number(accuracy) >= BOUND;

test('two lazy trainers of eight are excluded with what is pending of them, and the run reaches its check without them', async () => {
  const keys = (await mesh.status()).trainers.filter(({ name }) => LAZY.includes(name)).map(({ key }) => key);
  const cut = ['--partition', '4', '--on', [...LAZY, 'trainer-1', 'trainer-2'].join(',')];
  const [deployed] = await mesh.json('deploy', model, '--limit', '640', ...cut, '--snapshot-every', '40');
  const run = String(deployed?.run);
  await mesh.json('ledger', 'fund', run, '--tokens', '1000000', '--emission');
  // However fast audits are beside the training: it is stopped when both are gone and the check holds without them.
  const log = await waitFor(
    'a check that holds without them',
    async () => {
      const all = await logOf(run);
      const last = all.findLastIndex((e) => e.event === 'epoch-of-owners');
      const owners = all[last]?.owners as readonly string[];
      return !LAZY.some((name) => owners.includes(name)) && all.slice(last).some(hasPassed) ? all : undefined;
    },
    { every: 500, within: 240_000 },
  );
  await mesh.json('stop', run);
  const wrong = log.filter((e) => e.event === 'audit' && e.verdict === 'mismatch').map((e) => e.key);
  expect(new Set(wrong)).toEqual(new Set(keys));
  const { trainers } = await mesh.status();
  expect(trainers.map(({ name }) => name).sort()).toEqual(mesh.up.trainers.map(({ name }) => name).sort());

  const closed = async (): Promise<true | undefined> => (await entries()).some((e) => e.type === 'closed') || undefined;
  await waitFor('the end of its audits', closed, { every: 500, within: 300_000 });
  const all = await entries();
  expect(all.flatMap((e) => (e.type === 'excluded' ? [e.trainer] : [])).sort()).toEqual([...keys].sort());
  // What an honest trainer has not sealed when its term ends, since the machine is slow, is paid to nobody.
  const isPunished = (trainer: string, reason: string): boolean => keys.includes(trainer) || reason !== 'unsealed';
  const withheld = all.flatMap((e) => (e.type === 'withheld' && isPunished(e.trainer, e.reason) ? [e.trainer] : []));
  expect(new Set(withheld)).toEqual(new Set(keys));
  const balances = await mesh.json('ledger', 'balance');
  const earnedBy = (isLazy: boolean): number[] =>
    balances.filter(({ key }) => keys.includes(String(key)) === isLazy).map(({ earned }) => Number(earned));
  expect(Math.max(...earnedBy(true))).toBeLessThan(Math.min(...earnedBy(false)));
  // Those that had their shards at first, and those that have them now.
  expect(earnedBy(false).length).toBeGreaterThan(2);
  await mesh.json('ledger', 'export', 'ledger.jsonl');
  const copy = await nmc(['ledger', 'verify', 'ledger.jsonl', '--json'], { cwd: folder, env: mesh.env });
  expect([copy.code, jsonLines(copy)]).toMatchObject([0, [{ copies: [{ problems: [], mesh: mesh.up.key }] }]]);
}, 600_000);

async function logOf(run: string): Promise<JsonLine[]> {
  const all: JsonLine[] = [];
  const page = async (): Promise<JsonLine[]> =>
    ((await mesh.ask({ what: 'logs', run, from: Number(all.at(-1)?.sequence ?? 0) + 1 })) as { records: JsonLine[] })
      .records;
  for (let next = await page(); next.length > 0; next = await page()) all.push(...next);
  return all;
}

async function entries(): Promise<LedgerEntry[]> {
  const all: LedgerEntry[] = [];
  const page = async (): Promise<readonly { value: string }[]> =>
    ((await mesh.ask({ what: 'ledger', from: all.length + 1 })) as { records: { value: string }[] }).records;
  for (let next = await page(); next.length > 0; next = await page())
    all.push(...next.map(({ value }) => JSON.parse(value) as LedgerEntry));
  return all;
}
