/**
 * What a synchronizer can do that lies: it enters what it likes under the mesh's key. Each row says how many of its lies are
 * found by someone who has copies of the streams, and what finds them; what no copy shows stands there as well.
 */
import { AUDIT_RATE, isDrawn, pledgeOf, seedOf } from '../../runtime/audit/draw.ts';
import type { NewEntry } from '../../runtime/ledger/entry.ts';
import { type Copy, forksBetween } from '../../runtime/ledger/forks.ts';
import { verifyRecords } from '../../runtime/ledger/verify.ts';
import { stream } from '../../spec/random.ts';
import { keyOf, keysOf, MESH, OPERATOR, WrittenLedger } from '../support/ledger.ts';

export interface SynchronizerAttack {
  readonly name: string;
  readonly what: string;
  /** Who finds it, by what. */
  readonly how: string;
  /** Share of its lies that has to be found; 0: no copy shows it. */
  readonly least: number;
  readonly isFound: (seed: number) => boolean;
}

const [ANN, BEN] = [keysOf(401), keysOf(402)];
const STRETCHES = 6;

/** Two trainers that work side by side. @param changed instead of the entry of that number */
function ledgerOf(changed: (stretch: number, usual: NewEntry) => NewEntry | undefined): WrittenLedger {
  const ledger = new WrittenLedger();
  ledger.run([1n, 1n], { train: STRETCHES });
  ledger.add(ledger.funds('emission', 1000, OPERATOR));
  for (let i = 0; i < STRETCHES; i++) {
    for (const [shard, trainer] of [ANN, BEN].entries()) {
      const entry = changed(2 * i + shard, ledger.stretch({ shard, from: i, to: i + 1, trainer }));
      if (entry && ledger.problemOf(entry) === undefined) ledger.add(entry);
    }
    ledger.settle();
  }
  ledger.seal();
  return ledger;
}

function copyOf(name: string, ledger: WrittenLedger): Copy {
  const seals = ledger.records.flatMap(({ value }) => {
    const entry = JSON.parse(value) as Copy['seals'][number] & { readonly type: string };
    return entry.type === 'sealed' ? [entry] : [];
  });
  return { name, reader: verifyRecords(ledger.records), hashes: ledger.records.map(({ hash }) => hash), seals };
}

const drawnStretch = (seed: number): number => Math.floor(stream(seed, 'synchronizer').uniform(0) * 2 * STRETCHES);

/** What both copies are, where one has left out a stretch of the other. */
function forked(seed: number): boolean {
  const left = drawnStretch(seed);
  const [all, without] = [ledgerOf((_, usual) => usual), ledgerOf((at, usual) => (at === left ? undefined : usual))];
  const [fork] = forksBetween([copyOf('ann', all), copyOf('ben', without)]);
  return fork?.heads.every(({ by }) => by === keyOf(MESH)) === true;
}

/** Work that is entered under a key which has not signed it. */
function invented(seed: number): boolean {
  const at = drawnStretch(seed);
  const ledger = ledgerOf((_, usual) => usual);
  const shard = at % 2;
  const wanted = ledger.stretch({ shard, term: 2, from: STRETCHES, to: STRETCHES + 1, trainer: MESH });
  return ledger.problemOf({ ...wanted, trainer: keyOf(shard === 0 ? ANN : BEN) } as NewEntry) !== undefined;
}

/** An audit of a stretch that was not drawn: what was sealed, and the secret, are told when its term is over. */
function notDrawn(seed: number): boolean {
  const rng = stream(seed, 'not drawn');
  const word = (n: number): string => pledgeOf(String(rng.uniform(n)));
  const seals = [0, 1].map((shard) => ({
    shard,
    hash: word(3 * shard),
    windows: word(3 * shard + 1),
    nonce: word(3 * shard + 2),
  }));
  const at = { run: 'run', term: 1, from: seed };
  return !isDrawn(seedOf(at, word(9), seals), keyOf(ANN), AUDIT_RATE);
}

/** A copy that leaves out a stretch, and no other one that has it. */
function censored(seed: number): boolean {
  const left = drawnStretch(seed);
  return verifyRecords(ledgerOf((at, usual) => (at === left ? undefined : usual)).records).problems.length > 0;
}

export const synchronizerAttacks: readonly SynchronizerAttack[] = [
  {
    ...{ name: 'forked-ledger', what: 'tells two readers two ledgers', least: 1, isFound: forked },
    how: 'two copies: nmc ledger verify, and payments stop',
  },
  {
    ...{ name: 'invented-work', what: 'enters work that its trainer has not signed', least: 1, isFound: invented },
    how: 'any copy: nmc ledger verify',
  },
  {
    ...{
      name: 'false-exclusion',
      what: 'says that an audit, which was not drawn, has found a trainer wrong',
      isFound: notDrawn,
    },
    ...{ least: 1 - AUDIT_RATE, how: 'the draw gone through again; what was drawn, by a replay: nmc audit' },
  },
  {
    ...{ name: 'censorship', what: 'leaves out a stretch, or a vote', least: 0, isFound: censored },
    how: 'no copy: its trainer alone can tell',
  },
];

export interface SynchronizerRow {
  readonly attack: SynchronizerAttack;
  readonly seeds: number;
  readonly found: number;
}

/** @param lies whether each was found */
export function synchronizerRow(attack: SynchronizerAttack, lies: readonly boolean[]): SynchronizerRow {
  return { attack, seeds: lies.length, found: lies.filter(Boolean).length };
}

/** By chance a share may be three standard errors less. */
export function isFoundEnough({ attack: { least }, seeds, found }: SynchronizerRow): boolean {
  return found / seeds >= least - 3 * Math.sqrt((least * (1 - least)) / seeds);
}

export const SYNCHRONIZER_HEAD = ['attack of a synchronizer', 'seeds', 'found', 'by'];

export function synchronizerCells({ attack, seeds, found }: SynchronizerRow): string[] {
  return [attack.name, String(seeds), `${((100 * found) / seeds).toFixed(1)} %`, attack.how];
}
