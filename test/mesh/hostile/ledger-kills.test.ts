/**
 * kill -9 while a synchronizer writes its ledger: every stretch that was signed is there once, whatever was under way, and a
 * copy holds. NMC_TEST_KILLS=1000 is the long form, NMC_TEST_STORE=nats that in a server of NATS.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Backplane, ChainedRecord } from '../../../runtime/backplane/backplane.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { LEDGER, type LedgerEntry } from '../../../runtime/ledger/entry.ts';
import { LedgerReader } from '../../../runtime/ledger/verify.ts';
import { seeded } from '../../fuzz/mutate.ts';
import { bundleProgram } from '../../support/bundle-program.ts';
import { makeMesh, openMesh } from '../../support/nats/mesh.ts';
import { NatsServer } from '../../support/nats/server.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { ROOT } from '../../support/repository.ts';
import { ledgerAtWork } from './ledger-at-work.ts';

const KILLS = Number(process.env.NMC_TEST_KILLS ?? 3);
/** Of one ledger: each process reads all of it when it begins. */
const KILLS_EACH = 50;
const folder = mkdtempSync(join(tmpdir(), 'nmc-ledger-kills-'));
const program = join(ROOT, '.cache', `ledger-child-${process.pid}.mjs`);
const rng = seeded(7);

afterAll(() => {
  rmSync(program, { force: true });
  removeFolder(folder);
});

/** At any moment of its writing. */
function killed(state: string, ...store: readonly string[]): Promise<NodeJS.Signals | null> {
  const wait = 60 * rng();
  const child = spawn(process.execPath, [program, state, ...store], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), wait));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_code, signal) => resolve(signal));
  });
}

async function recordsOf(backplane: Backplane): Promise<ChainedRecord[]> {
  return backplane.chain(LEDGER, 1, 10_000_000);
}

function read(records: readonly ChainedRecord[]): LedgerReader {
  const reader = new LedgerReader();
  for (const record of records) reader.add(record);
  return reader;
}

test(
  `no stretch is lost or doubled (${KILLS} kills)`,
  async () => {
    mkdirSync(join(ROOT, '.cache'), { recursive: true });
    await bundleProgram(join(ROOT, 'test/mesh/hostile/ledger-child.ts'), program);
    const server = process.env.NMC_TEST_STORE === 'nats' ? new NatsServer() : undefined;
    await server?.start();
    let mesh = '';
    for (let round = 0; round < KILLS; round++) {
      const state = join(folder, String(Math.floor(round / KILLS_EACH)));
      if (server && round % KILLS_EACH === 0) mesh = await makeMesh(server);
      const store = server ? [server.url, mesh] : [];
      expect(await killed(state, ...store), `round ${round}`).toBe('SIGKILL');
      if (round === KILLS - 1 || (round + 1) % KILLS_EACH === 0)
        await checkWhole(server ? await openMesh(server, mesh) : embeddedBackplane(state));
    }
    await server?.remove();
  },
  10_000 + 2000 * KILLS,
);

/** What was there before is there afterwards, and all that was signed, once. */
async function checkWhole(backplane: Backplane): Promise<void> {
  const before = await recordsOf(backplane);
  expect(read(before).problems).toEqual([]);
  const work = ledgerAtWork(backplane);
  await work.begin();
  work.keeper.audits = { isUnderWay: () => false, areOver: () => true };
  await work.keeper.look();
  await work.keeper.close();
  const records = await recordsOf(backplane);
  const signed = (await backplane.read('commit/run', 1, 10_000_000)).length;
  await backplane.close();
  const { problems, state: ledger } = read(records);
  expect(problems).toEqual([]);
  const of = (type: LedgerEntry['type']): number =>
    records.filter(({ value }) => (JSON.parse(value) as LedgerEntry).type === type).length;
  expect(signed).toBeGreaterThan(0);
  expect({
    pending: of('pending'),
    granted: of('granted'),
    emission: of('emission'),
    unsealed: ledger.unsealed,
  }).toEqual({
    ...{ pending: signed, granted: signed, emission: 1, unsealed: 0 },
  });
  expect(records.slice(0, before.length)).toEqual(before);
}
