/**
 * The ledger as a synchronizer writes it: from signed states that the mesh keeps, through any backplane; what is lost on the
 * way is written later, and nothing twice.
 */
import { expect, test } from 'vitest';
import type { ChainedRecord } from '../../runtime/backplane/backplane.ts';
import type { KeyPair } from '../../runtime/identity/ed25519.ts';
import { LEDGER, type LedgerEntry } from '../../runtime/ledger/entry.ts';
import { signedRecord } from '../../runtime/ledger/segment.ts';
import { signExclusion, signFunds } from '../../runtime/ledger/signed.ts';
import { signPayment } from '../../runtime/ledger/signed-payments.ts';
import { signVote } from '../../runtime/ledger/signed-votes.ts';
import { verifyRecords } from '../../runtime/ledger/verify.ts';
import { type FencedBackplane, fencedBackplane } from '../../runtime/net/fenced-backplane.ts';
import { LedgerKeeper } from '../../runtime/net/ledger-keeper.ts';
import type { Verdict } from '../../runtime/wire/audit-verdict.ts';
import { signState } from '../../runtime/wire/state-signature.ts';
import { keyOf, keysOf, MESH, OPERATOR, WrittenLedger } from '../support/ledger.ts';
import { type MemoryBackplane, memoryBackplane } from '../support/memory-backplane.ts';
import { ledgerWith, opening, voucher } from '../support/payments.ts';
import { chain } from './simulated.ts';

/** Two shards, 60 batches, a stretch every 5 of them. */
const DEPLOYMENT = { ...chain(2, 60, 1, 60), run: 'run', stretches: { batches: 5, bytes: 1, keep: 1 } };
const RUN = { deployment: DEPLOYMENT, hash: 'd'.repeat(64) };
const { stretches: _recorded, ...UNRECORDED } = DEPLOYMENT;
const ASYNC = { schedule: 'async' as const, staleness: 2 };
const FREE = { ...RUN, deployment: { ...DEPLOYMENT, ...ASYNC, run: 'free' } };
/** Which values its ticks have read is in no record. */
const OLD = { ...RUN, deployment: { ...UNRECORDED, ...ASYNC, run: 'old' } };
const OVER = { isUnderWay: () => false, areOver: () => true };
const [ANN, BOB] = [keysOf(51), keysOf(52)];
const WINDOW = 3;

const FUNDS = { type: 'emission', run: 'run', tokens: 1200 } as const;
const order = (id: string, tokens = 1200): ReturnType<typeof signFunds> =>
  signFunds({ ...FUNDS, tokens, id: id.repeat(32) }, keyOf(MESH), OPERATOR);

/** One synchronizer. @param at milliseconds by its clock */
function keeper(backplane: FencedBackplane | MemoryBackplane, at = { now: 0 }, log: unknown[] = []): LedgerKeeper {
  const made = new LedgerKeeper({
    ...{ backplane, keys: MESH, window: WINDOW, now: () => at.now, log: (event) => log.push(event) },
    run: (run) => [RUN, FREE, OLD].find(({ deployment }) => deployment.run === run),
  });
  made.write(true);
  return made;
}

/** As the synchronizer keeps what a trainer has signed. */
async function commits(backplane: MemoryBackplane, shard: number, trainer: KeyPair, ends: readonly number[], term = 1) {
  const states = ends.map((calls) =>
    signState({ run: 'run', term, shard }, { calls, hash: calls.toString(16).padStart(64, '0') }, trainer),
  );
  await backplane.append('commit/run', JSON.stringify({ term, shard, states, key: keyOf(trainer), begin: 0 }));
}

const recordsOf = (backplane: MemoryBackplane): readonly ChainedRecord[] => backplane.kept.get(LEDGER) ?? [];
const entriesOf = (backplane: MemoryBackplane): LedgerEntry[] =>
  recordsOf(backplane).map(({ value }) => JSON.parse(value) as LedgerEntry);
const ofType = (backplane: MemoryBackplane, type: LedgerEntry['type']): unknown[] =>
  entriesOf(backplane).filter((entry) => entry.type === type);

function sound(backplane: MemoryBackplane): ReturnType<typeof verifyRecords>['state'] {
  const { problems, state } = verifyRecords(recordsOf(backplane));
  expect(problems).toEqual([]);
  return state;
}

test('nothing is written before a run pays; then every stretch that was committed, and what is due', async () => {
  const backplane = memoryBackplane();
  const at = { now: 0 };
  const one = keeper(backplane, at);
  await commits(backplane, 0, ANN, [5, 10]);
  await one.look();
  const early = signVote({ proposal: 'a'.repeat(32), vote: 'yes' }, keyOf(MESH), ANN);
  await expect(one.order(early)).rejects.toMatchObject({ code: 'ledger/refused' });
  expect(recordsOf(backplane)).toEqual([]);
  await one.fund(order('a'));
  await commits(backplane, 0, ANN, [15, 20]);
  await commits(backplane, 1, BOB, [5]);
  await one.look();
  expect(ofType(backplane, 'pending')).toMatchObject([
    { shard: 0, from: 0, to: 5, trainer: keyOf(ANN) },
    { shard: 0, from: 5, to: 10 },
    { shard: 0, from: 10, to: 15 },
    { shard: 0, from: 15, to: 20 },
    { shard: 1, from: 0, to: 5, trainer: keyOf(BOB) },
  ]);
  // One of twelve stretches of one of two equal shards.
  expect(ofType(backplane, 'granted')).toMatchObject([{ shard: 0, to: 5, tokens: 50, trainer: keyOf(ANN) }]);
  at.now = 10_000;
  await one.look();
  expect(sound(backplane).unsealed).toBe(0);
  await one.close();
});

test('a run whose audits are over is paid to its end, and what is not earned is not issued', async () => {
  const backplane = memoryBackplane();
  const one = keeper(backplane);
  await one.fund(order('a'));
  await commits(backplane, 0, ANN, [5, 10]);
  await one.look();
  expect(ofType(backplane, 'granted')).toEqual([]);
  one.audits = OVER;
  await one.look();
  expect(ofType(backplane, 'granted')).toHaveLength(2);
  expect(ofType(backplane, 'closed')).toMatchObject([{ returned: 1100 }]);
  expect(sound(backplane).issued).toBe(100n);
  await one.close();
});

test('states that are told again, forged, or of an earlier term are entered once or not at all', async () => {
  const backplane = memoryBackplane();
  const log: unknown[] = [];
  const one = keeper(backplane, { now: 0 }, log);
  await one.fund(order('a'));
  await commits(backplane, 0, ANN, [5, 10]);
  await commits(backplane, 0, ANN, [5, 10, 15]);
  await commits(backplane, 0, BOB, [10], 2);
  await commits(backplane, 0, ANN, [20]);
  const states = [{ calls: 15, hash: 'a'.repeat(64), sig: 'b'.repeat(128) }];
  await backplane.append('commit/run', JSON.stringify({ term: 2, shard: 0, states, key: keyOf(BOB), begin: 0 }));
  await one.look();
  await one.look();
  expect(ofType(backplane, 'pending')).toMatchObject([
    { term: 1, to: 5 },
    { term: 1, to: 10 },
    { term: 1, to: 15 },
    { term: 2, to: 10, from: 5 },
  ]);
  expect(log).toMatchObject([{ event: 'not-in-ledger', run: 'run' }]);
  sound(backplane);
  await one.close();
});

test('a verdict beside the signed states is entered once, withholds, and holds up what is under audit', async () => {
  const backplane = memoryBackplane();
  const one = keeper(backplane);
  await one.fund(order('a'));
  await commits(backplane, 0, ANN, [5, 10]);
  await commits(backplane, 1, BOB, [5, 10]);
  const stretch = { run: 'run', shard: 0, term: 1, from: 5, to: 10, trainer: keyOf(ANN) };
  const say = (verdict: Verdict): Promise<number> =>
    backplane.append('commit/run', JSON.stringify({ audited: { ...stretch, verdict } }));
  await say('mismatch');
  await say('mismatch');
  await one.look();
  expect(ofType(backplane, 'withheld')).toMatchObject([
    { to: 5, reason: 'mismatch' },
    { to: 10, reason: 'mismatch' },
  ]);
  await say('match');
  one.audits = { ...OVER, isUnderWay: ({ shard, from }) => shard === 1 && from === 5 };
  await one.look();
  expect(ofType(backplane, 'granted')).toMatchObject([{ shard: 1, to: 5, tokens: 50 }]);
  expect(ofType(backplane, 'closed')).toEqual([]);
  await one.close();
  // Another process reads all of it again.
  const next = keeper(backplane);
  next.audits = OVER;
  await next.look();
  expect(ofType(backplane, 'audited')).toHaveLength(1);
  expect(ofType(backplane, 'closed')).toMatchObject([{ returned: 1100 }]);
  expect(sound(backplane).issued).toBe(100n);
  await next.close();
});

test('a key that the mesh has excluded is paid nothing from then on, by the signed word', async () => {
  const backplane = memoryBackplane();
  const one = keeper(backplane);
  await one.fund(order('a'));
  await commits(backplane, 0, ANN, [5, 10]);
  const word = signExclusion({ key: keyOf(ANN), run: 'run', reason: 'two audits', at: 1 }, MESH);
  await backplane.append('exclusions', JSON.stringify({ ...word, key: keyOf(BOB) }));
  await one.look();
  expect(ofType(backplane, 'excluded')).toEqual([]);
  await backplane.append('exclusions', JSON.stringify(word));
  await one.look();
  await one.look();
  expect(ofType(backplane, 'excluded')).toMatchObject([{ trainer: keyOf(ANN), reason: 'word' }]);
  expect(ofType(backplane, 'withheld')).toMatchObject([{ to: 5, reason: 'excluded' }, { to: 10 }]);
  await commits(backplane, 0, ANN, [15]);
  await one.look();
  expect(ofType(backplane, 'pending')).toHaveLength(2);
  sound(backplane);
  await one.close();
});

test('an order counts once however often it is sent, and says why it is not taken', async () => {
  const backplane = memoryBackplane();
  const one = keeper(backplane);
  await one.fund(order('a'));
  await one.fund(order('a'));
  expect(ofType(backplane, 'emission')).toHaveLength(1);
  await expect(one.fund({ ...order('b'), tokens: 7 })).rejects.toMatchObject({ code: 'ledger/refused' });
  await expect(one.fund({ ...order('c'), run: 'other' })).rejects.toMatchObject({ code: 'mesh/run' });
  const old = one.fund({ ...order('d'), run: 'old' });
  await expect(old).rejects.toMatchObject({ code: 'ledger/refused' });
  await expect(old).rejects.toThrow('old trains asynchronously');
  await one.fund(signFunds({ ...FUNDS, run: 'free', id: 'e'.repeat(32) }, keyOf(MESH), OPERATOR));
  expect(ofType(backplane, 'emission')).toHaveLength(2);
  await one.close();
});

test('another synchronizer goes on where one has ended, and what that one still writes is refused', async () => {
  const backplane = memoryBackplane();
  const leads = { first: true };
  const log: unknown[] = [];
  const first = keeper(
    fencedBackplane(backplane, () => true),
    { now: 0 },
    log,
  );
  await first.fund(order('a'));
  await commits(backplane, 0, ANN, [5, 10]);
  await first.look();
  leads.first = false;
  const second = keeper(fencedBackplane(backplane, () => !leads.first));
  await commits(backplane, 0, ANN, [15, 20]);
  await second.look();
  // It does not know yet that another one presides: what it writes follows a record that is not the last one any more.
  await first.look();
  expect(log).toMatchObject([{ event: 'ledger-waits' }]);
  await commits(backplane, 0, ANN, [25]);
  await second.look();
  expect(ofType(backplane, 'pending').map((entry) => (entry as { to: number }).to)).toEqual([5, 10, 15, 20, 25]);
  expect(ofType(backplane, 'granted')).toHaveLength(2);
  sound(backplane);
  await first.close();
  await second.close();
});

test('two records of one number that the mesh has signed end payments, and stay as evidence', async () => {
  const backplane = memoryBackplane();
  const one = keeper(backplane);
  await one.fund(order('a'));
  await commits(backplane, 0, ANN, [5, 10, 15, 20]);
  const heads = ['one', 'two'].map((run) => {
    const ledger = new WrittenLedger();
    ledger.run([1n], { run });
    ledger.seal();
    const { seal } = ledger.state;
    if (!seal) throw new Error('it was sealed');
    return signedRecord(seal, ledger.records.map(({ hash }) => hash).slice(0, seal.sequence), 2);
  });
  await expect(one.forked([...heads].slice(0, 1))).rejects.toMatchObject({ code: 'ledger/refused' });
  await one.forked(heads);
  await one.look();
  expect(ofType(backplane, 'pending')).toHaveLength(4);
  expect(ofType(backplane, 'granted')).toEqual([]);
  expect(sound(backplane).fork).toEqual(heads);
  await expect(one.fund(order('b'))).rejects.toMatchObject({ code: 'ledger/refused' });
  await one.close();
});

test('an append whose answer is lost is neither lost nor doubled', async () => {
  const backplane = memoryBackplane();
  let failing = 0;
  const weak: MemoryBackplane = {
    ...backplane,
    append: async (stream, value) => {
      failing++;
      // Every third is written, and not confirmed; every fifth is not written.
      if (failing % 5 === 0) throw new Error('it was not written');
      const sequence = await backplane.append(stream, value);
      if (failing % 3 === 0) throw new Error('no answer');
      return sequence;
    },
  };
  const one = keeper(weak);
  for (let tries = 0; ofType(backplane, 'emission').length === 0 && tries < 10; tries++)
    await one.fund(order('a')).catch(() => undefined);
  await commits(backplane, 0, ANN, [5, 10, 15, 20, 25, 30, 35, 40]);
  for (let looks = 0; looks < 20; looks++) await one.look();
  expect(ofType(backplane, 'pending')).toHaveLength(8);
  expect(ofType(backplane, 'granted')).toHaveLength(5);
  sound(backplane);
  one.write(false);
});

test('a signed order is entered once, however often it is said; a channel that is over gives back what is left', async () => {
  const backplane = memoryBackplane();
  const written = ledgerWith(100, [ANN]);
  backplane.kept.set(LEDGER, [...written.records]);
  const at = { now: 1000 };
  const one = keeper(backplane, at);
  const channel = opening(written, ANN, BOB, { tokens: 50, expires: 5000 });
  for (const order of [channel, channel, voucher(channel, 20, ANN), voucher(channel, 20, ANN)]) await one.order(order);
  await expect(one.order(voucher(channel, 10, ANN))).rejects.toMatchObject({ code: 'ledger/refused' });
  await expect(one.order({ type: 'granted' })).rejects.toMatchObject({ code: 'ledger/refused' });
  await one.order(signPayment({ to: keyOf(BOB), tokens: 5, number: 2 }, keyOf(MESH), ANN));
  await one.look();
  expect(ofType(backplane, 'settled')).toEqual([]);
  at.now = 5000;
  await one.look();
  expect(ofType(backplane, 'settled')).toMatchObject([{ channel: channel.channel, returned: 30 }]);
  expect([...sound(backplane).accounts].map(([key, { balance }]) => [key, balance])).toEqual(
    expect.arrayContaining([
      [keyOf(ANN), 75n],
      [keyOf(BOB), 25n],
    ]),
  );
  await one.close();
});
