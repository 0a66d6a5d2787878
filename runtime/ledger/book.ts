/**
 * The ledger of a mesh, behind whatever keeps its streams: the one who writes it reads all of it first, and writes
 * nothing that may not follow. An append without an answer is not repeated: all is read again, and what follows from the
 * ledger, or was asked for under an id, is written only where it is not there. So a kill loses and doubles nothing.
 */
import type { Backplane } from '../backplane/backplane.ts';
import { chained } from '../backplane/chain.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { inTurn } from '../support/in-turn.ts';
import { entryText, LEDGER, type LedgerEntry, type NewEntry, SEGMENT } from './entry.ts';
import { authorProblem, entryProblem, nextSeal } from './reduce.ts';
import { signSeal } from './signed.ts';
import type { LedgerState } from './state.ts';
import { type LedgerProblem, LedgerReader } from './verify.ts';

export interface BookOptions {
  readonly backplane: Pick<Backplane, 'append' | 'chain'>;
  /** Of the mesh: they seal. */
  readonly keys: KeyPair;
  /** Of a new ledger: stretches of a shard that follow one before it is paid. */
  readonly window: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Records read at once. */
const PAGE = 256;

/** An entry that may not follow, in words. */
export class NotEntered extends Error {
  override readonly name = 'NotEntered';
}

export class LedgerBook {
  readonly #options: BookOptions;
  readonly #turn = inTurn();
  #reader = new LedgerReader(false);
  /** The store may have more, or less, than was read. */
  #isStale = true;

  constructor(options: BookOptions) {
    this.#options = options;
  }

  /** As far as it was read. */
  get state(): LedgerState {
    return this.#reader.state;
  }

  get problems(): readonly LedgerProblem[] {
    return this.#reader.problems;
  }

  /** All that the store has. */
  read(): Promise<LedgerState> {
    return this.#turn(() => this.#read());
  }

  /** What others have written meanwhile. */
  readOn(): Promise<LedgerState> {
    return this.#turn(() => {
      this.#isStale = true;
      return this.#read();
    });
  }

  /** @throws NotEntered where it may not follow; as the backplane does, and then it is not known whether it is written */
  add(entry: NewEntry): Promise<void> {
    return this.#turn(async () => {
      await this.#read();
      if (!this.state.opened) await this.#open();
      if (this.state.unsealed >= SEGMENT - 1) await this.#seal();
      await this.#write(entry);
    });
  }

  /**
   * Signs what is not signed yet, where there is anything.
   * @param always also where there is nothing: votes are counted in seals
   */
  seal(always = false): Promise<void> {
    return this.#turn(async () => {
      await this.#read();
      if (always || this.state.unsealed > 0) await this.#seal();
    });
  }

  async #read(): Promise<LedgerState> {
    if (!this.#isStale) return this.state;
    for (;;) {
      const page = await this.#options.backplane.chain(LEDGER, this.#reader.head.sequence + 1, PAGE);
      for (const record of page) this.#reader.add(record);
      if (page.length === 0) break;
    }
    this.#isStale = false;
    return this.state;
  }

  #open(): Promise<void> {
    const { keys, window } = this.#options;
    return this.#write({ type: 'opened', mesh: keyText(keys.publicKey), window });
  }

  async #seal(): Promise<void> {
    await this.#write({ type: 'sealed', ...signSeal(nextSeal(this.state), this.#options.keys) });
  }

  async #write(entry: NewEntry): Promise<void> {
    const whole = { ...entry, at: this.#options.now() } as LedgerEntry;
    const problem = authorProblem(this.state, whole) ?? entryProblem(this.state, whole);
    if (problem !== undefined) throw new NotEntered(`${entry.type}: ${problem}`);
    const record = chained(LEDGER, this.#reader.head, entryText(whole));
    // Until it is confirmed it is not known what the store has.
    this.#isStale = true;
    const sequence = await this.#options.backplane.append(LEDGER, record.value);
    if (sequence !== record.sequence) {
      await this.#read();
      return;
    }
    this.#reader.add(record);
    this.#isStale = false;
  }
}
