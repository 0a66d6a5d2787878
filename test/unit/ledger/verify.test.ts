/** A copy of a ledger, looked through by somebody who has nothing else: what was done to it is found, and where. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { ChainedRecord } from '../../../runtime/backplane/backplane.ts';
import { chained, EMPTY } from '../../../runtime/backplane/chain.ts';
import { ed25519 } from '../../../runtime/identity/ed25519.ts';
import { entryText, LEDGER, type LedgerEntry, SEGMENT } from '../../../runtime/ledger/entry.ts';
import { nextSeal } from '../../../runtime/ledger/reduce.ts';
import { rootOfRecords, signedRecord } from '../../../runtime/ledger/segment.ts';
import { signSeal } from '../../../runtime/ledger/signed.ts';
import { proofOf, proofProblem } from '../../../runtime/ledger/tree.ts';
import { LedgerReader, verifyRecords } from '../../../runtime/ledger/verify.ts';
import { keyOf, keysOf, MESH, OPERATOR, WrittenLedger } from '../../support/ledger.ts';
import { longLedger } from '../../support/long-ledger.ts';

const TRAINERS = [40, 41, 42].map(keysOf);

/** Some hundred entries of two shards, in several segments. */
function sound(stretches = 20, sealEvery = 25): WrittenLedger {
  const ledger = new WrittenLedger(3);
  ledger.run([5n, 9n], { train: 4 * stretches });
  ledger.add(ledger.funds('emission', 10_000, OPERATOR));
  for (let i = 0; i < stretches; i++) {
    for (const shard of [0, 1]) {
      const trainer = TRAINERS[(i + shard) % TRAINERS.length] ?? MESH;
      ledger.add(ledger.stretch({ shard, from: 4 * i, to: 4 * i + 4, trainer }));
    }
    ledger.settle();
    if (ledger.state.unsealed > sealEvery) ledger.seal();
  }
  ledger.seal();
  return ledger;
}

const LEDGER_OF_ALL = sound();
const RECORDS: readonly ChainedRecord[] = LEDGER_OF_ALL.records;
const INDEX = fc.nat(RECORDS.length - 2);

/** Where the first fault is, and what it says. */
function firstFault(
  records: readonly ChainedRecord[],
): { readonly sequence: number; readonly told: string } | undefined {
  // Signatures of trainers have a test of their own, and take long.
  const reader = new LedgerReader(false);
  for (const record of records) reader.add(record);
  return reader.problems[0];
}

/** As somebody writes it who changes the past, and has no key. */
function rechained(values: readonly string[]): ChainedRecord[] {
  const records: ChainedRecord[] = [];
  for (const value of values) records.push(chained(LEDGER, records.at(-1) ?? EMPTY, value));
  return records;
}

describe('a copy of a ledger', () => {
  it('holds as it was written', () => {
    const { problems, state } = verifyRecords(RECORDS);
    expect(problems).toEqual([]);
    expect(state.unsealed).toBe(0);
    expect(state.seal?.by).toBe(keyOf(MESH));
  });

  it('with a record that was changed is found there', () => {
    fc.assert(
      fc.property(INDEX, fc.nat(500), (at, where) => {
        const changed = RECORDS.map((record, i) => {
          if (i !== at) return record;
          const cut = where % record.value.length;
          const other = record.value[cut] === '1' ? '2' : '1';
          return { ...record, value: `${record.value.slice(0, cut)}${other}${record.value.slice(cut + 1)}` };
        });
        expect(firstFault(changed)).toEqual({ sequence: at + 1, told: `record ${at + 1} does not have its hash` });
      }),
      { numRuns: 20 },
    );
  });

  it('without a record is found at the next one', () => {
    fc.assert(
      fc.property(INDEX, (at) => {
        const fault = firstFault(RECORDS.filter((_, i) => i !== at));
        expect(fault).toEqual({ sequence: at + 2, told: `record ${at + 2} follows record ${at}` });
      }),
      { numRuns: 20 },
    );
  });

  it('with records in another order, or one twice, is found at the first of them', () => {
    fc.assert(
      fc.property(INDEX, (at) => {
        const [one, next] = [RECORDS[at] as ChainedRecord, RECORDS[at + 1] as ChainedRecord];
        const swapped = [...RECORDS.slice(0, at), next, one, ...RECORDS.slice(at + 2)];
        expect(firstFault(swapped)?.sequence).toBe(at + 2);
        const doubled = [...RECORDS.slice(0, at + 1), one, ...RECORDS.slice(at + 1)];
        expect(firstFault(doubled)).toEqual({ sequence: at + 1, told: `record ${at + 1} follows record ${at + 1}` });
      }),
      { numRuns: 20 },
    );
  });

  it('that was changed, and chained again, is found at the seal behind it at the latest', () => {
    fc.assert(
      fc.property(INDEX, (at) => {
        const values = RECORDS.map(({ value }) => value);
        const entry = JSON.parse(values[at] as string) as LedgerEntry;
        values[at] = entryText({ ...entry, at: entry.at + 1 });
        const seal = RECORDS.findIndex(({ value }, i) => i > at && value.includes('"type":"sealed"'));
        const fault = firstFault(rechained(values));
        // A seal says nothing of its own time: the next one does.
        expect(fault?.sequence).toBe(seal + 1);
        expect(fault?.told).toBe(`sealed: ${keyOf(MESH)} has signed other records up to ${seal}`);
      }),
      { numRuns: 10 },
    );
  });

  it('with a stretch that its trainer has not signed is found there', () => {
    const values = RECORDS.map(({ value }) => value);
    const at = values.findIndex((value) => value.includes('"type":"pending"'));
    const entry = JSON.parse(values[at] as string) as LedgerEntry & { trainer: string; hash: string };
    values[at] = entryText({ ...entry, hash: 'b'.repeat(64) } as LedgerEntry);
    expect(verifyRecords(rechained(values)).problems[0]).toEqual({
      sequence: at + 1,
      told: `pending: ${entry.trainer} has not signed the state behind it`,
    });
  });

  it('says how many records at its end are not signed', () => {
    const lastSeal = RECORDS.length - 1;
    const { problems, state } = verifyRecords(RECORDS.slice(0, lastSeal));
    expect(problems).toEqual([]);
    expect(state.unsealed).toBeGreaterThan(0);
    expect(state.sequence).toBe(lastSeal);
  });

  it('with entries that may not follow is found there, however well it is chained', () => {
    const values = RECORDS.map(({ value }) => value);
    const at = values.findIndex((value) => value.includes('"type":"granted"'));
    const entry = JSON.parse(values[at] as string) as LedgerEntry & { tokens: number };
    values[at] = entryText({ ...entry, tokens: entry.tokens + 1 } as LedgerEntry);
    expect(firstFault(rechained(values))).toEqual({
      sequence: at + 1,
      told: `granted: ${entry.tokens} tokens are due for it, not ${entry.tokens + 1}`,
    });
  });

  it('has one text for each entry, and no segment of more than a thousand', () => {
    const [first] = RECORDS;
    const spaced = rechained([`${first?.value.slice(0, -1)} }`]);
    expect(firstFault(spaced)?.told).toBe('it is not in canonical form');
    expect(firstFault(rechained(['{}']))?.told).toMatch(/^it is not an entry/);
    const ledger = new WrittenLedger();
    for (let i = 0; i < SEGMENT; i++) ledger.run([1n], { run: `run-${i}` });
    const types = ledger.records.map(({ value }) => (JSON.parse(value) as LedgerEntry).type);
    expect(types.indexOf('sealed')).toBe(SEGMENT - 1);
    const unsealed = rechained(ledger.records.map(({ value }) => value).filter((_, i) => i !== SEGMENT - 1));
    expect(firstFault(unsealed)).toEqual({ sequence: SEGMENT, told: 'run: a segment has more than 1000 entries' });
  });

  it('that another key has sealed is found, with the name of that key', () => {
    const ledger = new WrittenLedger();
    const next = nextSeal(ledger.state);
    const stranger = keysOf(99);
    const own = signSeal(next, stranger);
    expect(ledger.problemOf({ type: 'sealed', ...own })).toMatch(new RegExp(`^${keyOf(stranger)} may not seal`));
    const wrongRoot = signSeal({ ...next, root: LEDGER_OF_ALL.state.seal?.root ?? '' }, MESH);
    expect(ledger.problemOf({ type: 'sealed', ...wrongRoot })).toBe(`${keyOf(MESH)} has signed other balances`);
  });
});

describe('verifying', () => {
  it('needs one signature for each stretch, order and seal, so that a million entries stay within a minute', () => {
    const records = [...longLedger(1500)];
    const verify = vi.spyOn(ed25519, 'verify');
    const { problems, state } = verifyRecords(records);
    const signatures = verify.mock.calls.length;
    verify.mockRestore();
    const of = (type: string): number => records.filter(({ value }) => value.includes(`"type":"${type}"`)).length;
    expect([problems, state.sequence]).toEqual([[], records.length]);
    expect(signatures).toBe(of('pending') + of('emission') + of('sealed'));
    expect(of('granted')).toBeGreaterThan(of('pending') / 2);
  });
});

describe('two heads for one number', () => {
  it('stop payments, and both stay as evidence', () => {
    const ledger = new WrittenLedger(1);
    ledger.run([1n]);
    ledger.add(ledger.funds('emission', 100, OPERATOR));
    const [trainer] = TRAINERS;
    for (const at of [0, 1, 2]) {
      const stretch = { shard: 0, from: 10 * at, to: 10 * at + 10, trainer: trainer ?? MESH };
      ledger.add(ledger.stretch(stretch));
    }
    const hashes = ledger.records.map(({ hash }) => hash);
    const others = [...hashes.slice(0, 3), 'e'.repeat(64), 'f'.repeat(64)];
    const heads = [hashes, others].map((all) => {
      const seal = { ...nextSeal(ledger.state), sequence: all.length, records: rootOfRecords(all) };
      return signedRecord(signSeal(seal, MESH), all, 4);
    });
    const [one, other] = heads;
    if (!one || !other) throw new Error('two were signed');
    expect(ledger.problemOf({ type: 'forked', heads: [one, one] })).toMatch(/do not contradict/);
    const made = [one, { ...other, hash: 'd'.repeat(64) }];
    expect(ledger.problemOf({ type: 'forked', heads: made })).toBe('the mesh has not signed both');
    ledger.add({ type: 'forked', heads });
    expect(ledger.settle()).toBe(0);
    const granted = {
      type: 'granted',
      run: 'run',
      shard: 0,
      term: 1,
      to: 10,
      trainer: keyOf(trainer ?? MESH),
    } as const;
    expect(ledger.problemOf({ ...granted, tokens: 10 })).toMatch(/payments have stopped/);
    expect(verifyRecords(ledger.records).state.fork?.map(({ seal }) => seal.by)).toEqual([keyOf(MESH), keyOf(MESH)]);
  });
});

describe('the proof of a balance', () => {
  const { state } = LEDGER_OF_ALL;
  const seal = state.seal ?? signSeal(nextSeal(state), MESH);

  it('holds for every key by itself', () => {
    for (const key of state.accounts.keys()) {
      const proof = proofOf(state.accounts, seal, key);
      expect(proof && proofProblem(proof)).toBeUndefined();
      expect(proof?.earned).toBe(String(state.accounts.get(key)?.earned));
    }
    expect(proofOf(state.accounts, seal, keyOf(keysOf(98)))).toBeUndefined();
  });

  it('does not hold with another number, key, place or signature', () => {
    const [key] = [...state.accounts.keys()];
    const proof = proofOf(state.accounts, seal, key ?? '');
    if (!proof) throw new Error('the key has an account');
    const of = (change: Partial<typeof proof>): string | undefined => proofProblem({ ...proof, ...change });
    expect(of({ earned: String(BigInt(proof.earned) + 1n) })).toBe('the signed root is of other balances');
    expect(of({ balance: '0' })).toBe('the signed root is of other balances');
    expect(of({ key: keyOf(keysOf(98)) })).toBe('the signed root is of other balances');
    expect(of({ index: proof.index + 1 })).toBe('the signed root is of other balances');
    expect(of({ path: proof.path.slice(1) })).toBe('the signed root is of other balances');
    expect(of({ seal: { ...seal, by: keyOf(keysOf(98)) } })).toMatch(/has not signed it/);
  });
});
