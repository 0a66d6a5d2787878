/** Ledgers for tests: written as a synchronizer writes them, without a mesh. */
import type { ChainedRecord } from '../../runtime/backplane/backplane.ts';
import { chained } from '../../runtime/backplane/chain.ts';
import { type KeyPair, keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { nextDue } from '../../runtime/ledger/due.ts';
import { grantFor } from '../../runtime/ledger/earned.ts';
import { entryText, LEDGER, type LedgerEntry, type NewEntry, SEGMENT } from '../../runtime/ledger/entry.ts';
import { authorProblem, entryProblem, nextSeal } from '../../runtime/ledger/reduce.ts';
import { signFunds, signSeal } from '../../runtime/ledger/signed.ts';
import { type LedgerState, stretchId } from '../../runtime/ledger/state.ts';
import { LedgerReader } from '../../runtime/ledger/verify.ts';
import type { OpenAudits, StretchVerdict } from '../../runtime/wire/audit-verdict.ts';
import { signState } from '../../runtime/wire/state-signature.ts';

/** The same for the same number. */
export function keysOf(n: number): KeyPair {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, n);
  return keyPairFromSeed(seed);
}

export const MESH = keysOf(1);
export const OPERATOR = keysOf(2);
export const keyOf = (keys: KeyPair): string => keyText(keys.publicKey);
export const NO_AUDITS = { isUnderWay: () => false, areOver: () => false };

export interface Stretch {
  readonly run?: string;
  readonly shard: number;
  readonly term?: number;
  readonly from: number;
  readonly to: number;
  readonly trainer: KeyPair;
}

export class WrittenLedger {
  readonly records: ChainedRecord[] = [];
  readonly #reader = new LedgerReader(false);
  /** Milliseconds since 1970, of the entries that follow. */
  now = 0;
  readonly #mesh: KeyPair;
  #ids = 0;

  constructor(window = 2, mesh = MESH) {
    this.#mesh = mesh;
    this.add({ type: 'opened', mesh: keyOf(mesh), window });
  }

  get state(): LedgerState {
    return this.#reader.state;
  }

  /** @returns why it may not follow */
  problemOf(entry: NewEntry): string | undefined {
    const whole = { ...entry, at: this.now } as LedgerEntry;
    return authorProblem(this.state, whole) ?? entryProblem(this.state, whole);
  }

  add(entry: NewEntry): void {
    if (this.state.unsealed >= SEGMENT - 1 && entry.type !== 'sealed') this.seal();
    const problem = this.problemOf(entry);
    if (problem !== undefined) throw new Error(`${entry.type}: ${problem}`);
    const record = chained(LEDGER, this.#reader.head, entryText({ ...entry, at: this.now } as LedgerEntry));
    this.#reader.add(record);
    this.records.push(record);
  }

  seal(): void {
    this.add({ type: 'sealed', ...signSeal(nextSeal(this.state), this.#mesh) });
  }

  run(shards: readonly bigint[], { run = 'run', epochs = 1, train = 100, others = 0 } = {}): void {
    this.add({ type: 'run', run, deployment: '0'.repeat(64), epochs, train, others, work: shards.map(String) });
  }

  funds(type: 'emission' | 'escrow', tokens: number, by: KeyPair, run = 'run'): NewEntry {
    return signFunds({ type, run, tokens, id: this.id() }, keyOf(this.#mesh), by);
  }

  /** Of a request. */
  id(): string {
    return (++this.#ids).toString(16).padStart(32, '0');
  }

  /** A run that has ended, by which each key has earned so many tokens, and a seal behind it. */
  earnedBy(shares: readonly (readonly [KeyPair, number])[], run = 'run'): void {
    const all = shares.reduce((sum, [, tokens]) => sum + tokens, 0);
    this.run([1n], { run, train: all });
    this.add(this.funds('emission', all, OPERATOR, run));
    let from = 0;
    for (const [i, [trainer, tokens]] of shares.entries()) {
      if (tokens > 0) this.add(this.stretch({ run, shard: 0, term: i + 1, from, to: from + tokens, trainer }));
      from += tokens;
    }
    this.add({ type: 'ended', run });
    this.settle();
    this.seal();
  }

  stretch({ run = 'run', shard, term = 1, from, to, trainer }: Stretch): NewEntry {
    const hash = 'a'.repeat(64);
    const { sig } = signState({ run, term, shard }, { calls: to, hash }, trainer);
    return { type: 'pending', run, shard, term, from, to, trainer: keyOf(trainer), hash, sig };
  }

  audited({ run = 'run', shard, term = 1, from, to, trainer }: Stretch, verdict: StretchVerdict): NewEntry {
    return { type: 'audited', run, shard, term, from, to, trainer: keyOf(trainer), verdict };
  }

  /** What is due for one stretch. */
  grant({ run = 'run', shard, term = 1, to, trainer }: Stretch): void {
    const found = this.state.runs.get(run);
    const pending = found?.shards[shard]?.pending.get(stretchId({ run, shard, term, to }));
    if (!found || !pending) throw new Error(`no stretch of shard ${shard} that ends at ${to} is pending`);
    const tokens = Number(grantFor(found, pending).tokens);
    this.add({ type: 'granted', run, shard, term, to, trainer: keyOf(trainer), tokens });
  }

  /** All that follows from the rules. @returns how many entries that were */
  settle(audits: Pick<OpenAudits, 'isUnderWay'> = NO_AUDITS): number {
    let n = 0;
    for (let due = nextDue(this.state, audits); due; due = nextDue(this.state, audits)) {
      this.add(due);
      n++;
    }
    return n;
  }

  earned(keys: KeyPair): bigint {
    return this.state.accounts.get(keyOf(keys))?.earned ?? 0n;
  }
}
