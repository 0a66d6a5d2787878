/**
 * What keys of one owner earn by what they do, on the reducer of the ledger alone: stretches are committed, some are drawn
 * at the rate that their key has, verdicts come a little later, and all that is due is entered. Nothing is computed.
 */
import { AUDIT_RATE } from '../../runtime/audit/draw.ts';
import { nextDue } from '../../runtime/ledger/due.ts';
import { type LedgerEntry, type NewEntry, SEGMENT } from '../../runtime/ledger/entry.ts';
import { emptyLedger, entryProblem, nextSeal, reduce } from '../../runtime/ledger/reduce.ts';
import { signSeal } from '../../runtime/ledger/signed.ts';
import { windowFor } from '../../runtime/ledger/window.ts';
import type { Verdict } from '../../runtime/wire/audit-verdict.ts';
import { stream } from '../../spec/random.ts';
import { keyOf, MESH } from '../support/ledger.ts';

/** Audits that have found it right, behind which a key is looked at no more often than any other. */
export const TRUSTED = 13;
/** Of a stretch. */
const TOKENS = 1000;
/** Stretches between a draw and its verdict. */
const DELAY = 2;
const RUN = 'run';

/**
 * At which a key is audited.
 * @param looked stretches of it that were done again and found right, or are under audit
 * @param bare in this run, that were not drawn since it was found wrong
 */
export type RateOf = (looked: number, bare: number) => number;

export interface LifeOptions {
  readonly seed: number;
  /** Stretches that the run has. */
  readonly stretches: number;
  readonly rateOf: RateOf;
}

/** What is known of a key outside of the ledger. */
interface Known {
  looked: number;
  bare: number;
  undelivered: number;
}

interface Drawn {
  readonly at: number;
  readonly key: string;
  readonly from: number;
  readonly verdict: Verdict;
}

export class Life {
  readonly #options: LifeOptions;
  readonly #state = emptyLedger();
  readonly #rng;
  readonly #known = new Map<string, Known>();
  /** By the first call of a stretch. */
  readonly #terms = new Map<number, number>();
  #draws: Drawn[] = [];
  #chances = 0;
  #at = 0;
  #term = 1;
  #keys = 0;
  /** Stretches that were really computed, and those that were only said to be. */
  honest = 0;
  cheated = 0;

  constructor(options: LifeOptions) {
    this.#options = options;
    this.#rng = stream(options.seed, 'life');
    this.#add({ type: 'opened', mesh: keyOf(MESH), window: windowFor(AUDIT_RATE) });
    const length = { epochs: 1, train: options.stretches, others: 0 };
    this.#add({ type: 'run', run: RUN, deployment: '0'.repeat(64), ...length, work: ['1000'] });
    const tokens = TOKENS * options.stretches;
    this.#add({ type: 'emission', run: RUN, tokens, by: keyOf(MESH), id: '0'.repeat(32), sig: '0'.repeat(128) });
  }

  /** Stretches that are left. */
  get left(): number {
    return this.#options.stretches - this.#at;
  }

  chance(): number {
    return this.#rng.uniform(this.#chances++);
  }

  /** A key costs nothing. */
  newKey(): string {
    this.#term++;
    return `key-${++this.#keys}`;
  }

  /** A key of which enough was done again in earlier runs. */
  knownKey(): string {
    const key = this.newKey();
    this.#of(key).looked = TRUSTED;
    return key;
  }

  isExcluded(key: string): boolean {
    return this.#state.accounts.get(key)?.excluded === true;
  }

  /** Audits that have found the key right. */
  lookedAt(key: string): number {
    return this.#of(key).looked;
  }

  /** Its records that did not come. */
  missingOf(key: string): number {
    return this.#of(key).undelivered;
  }

  /** What nobody of these keys does: another trainer does it. */
  letOthers(): void {
    this.#commit('other', 'match');
  }

  /** The next stretch of the run. @param withheld its record does not come when it is asked for */
  work(key: string, how: 'honest' | 'cheats' | 'withheld'): void {
    if (how === 'honest') this.honest++;
    else this.cheated++;
    this.#commit(key, how === 'honest' ? 'match' : how === 'cheats' ? 'mismatch' : 'undelivered');
  }

  /** The run and its audits are over. @returns pays of all keys but `other`, in stretches */
  end(): number {
    while (this.left > 0) this.letOthers();
    for (const drawn of this.#draws) this.#judge(drawn);
    this.#draws = [];
    this.#offer({ type: 'ended', run: RUN });
    this.#settle();
    let earned = 0n;
    for (const [key, account] of this.#state.accounts) if (key.startsWith('key-')) earned += account.earned;
    return Number(earned) / TOKENS;
  }

  #commit(key: string, verdict: Verdict): void {
    const from = this.#at++;
    const entry = { run: RUN, shard: 0, term: this.#term, from, to: from + 1, trainer: key };
    this.#offer({ type: 'pending', ...entry, hash: '0'.repeat(64), sig: '0'.repeat(128) });
    const known = this.#of(key);
    const open = this.#draws.filter((drawn) => drawn.key === key).length;
    const rate = key === 'other' ? AUDIT_RATE : this.#options.rateOf(known.looked + open, known.bare);
    if (this.chance() < rate) this.#draws.push({ at: from + DELAY, key, from, verdict });
    else known.bare++;
    for (const drawn of this.#draws.filter(({ at }) => at <= from)) this.#judge(drawn);
    this.#draws = this.#draws.filter(({ at }) => at > from);
    this.#settle();
  }

  #judge({ key, from, verdict }: Drawn): void {
    const known = this.#of(key);
    if (verdict === 'match') known.looked++;
    else known.bare = 0;
    // As the synchronizer does it: the second record of a key that does not come within its window is a mismatch.
    const counted = verdict === 'undelivered' && known.undelivered++ > 0 ? 'mismatch' : verdict;
    const term = this.#terms.get(from) ?? 0;
    this.#offer({ type: 'audited', run: RUN, shard: 0, term, from, to: from + 1, trainer: key, verdict: counted });
  }

  #of(key: string): Known {
    const known = this.#known.get(key) ?? { looked: 0, bare: 0, undelivered: 0 };
    this.#known.set(key, known);
    return known;
  }

  #settle(): void {
    const open = {
      isUnderWay: ({ from }: { readonly from: number }) => this.#draws.some((drawn) => drawn.from === from),
    };
    for (let due = nextDue(this.#state, open); due; due = nextDue(this.#state, open)) this.#add(due);
  }

  #offer(entry: NewEntry): void {
    if (entryProblem(this.#state, { ...entry, at: 0 } as LedgerEntry) === undefined) this.#add(entry);
  }

  #add(entry: NewEntry): void {
    if (this.#state.unsealed >= SEGMENT - 1 && entry.type !== 'sealed')
      this.#add({ type: 'sealed', ...signSeal(nextSeal(this.#state), MESH) });
    if (entry.type === 'pending') this.#terms.set(entry.from, entry.term);
    const sequence = this.#state.sequence + 1;
    const hash = sequence.toString(16).padStart(64, '0');
    const problem = reduce(this.#state, { ...entry, at: 0 } as LedgerEntry, { sequence, hash }, false);
    if (problem !== undefined) throw new Error(`${entry.type}: ${problem}`);
  }
}
