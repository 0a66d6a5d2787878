/**
 * Writes the ledger of a mesh, for the one synchronizer that presides. What is pending follows from the signed states
 * that the mesh keeps, and is looked up there again and again: one that is killed between a state and its entry writes
 * the entry when it is back. Grants follow from the ledger itself.
 */
import { AUDIT_RATE } from '../audit/draw.ts';
import type { Backplane } from '../backplane/backplane.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { LedgerBook, NotEntered } from '../ledger/book.ts';
import { channelDue } from '../ledger/channel-due.ts';
import { SETTING_NAMES, type Settings } from '../ledger/charter.ts';
import { KEPT_COMMIT, KEPT_VERDICT, nextPending } from '../ledger/commits.ts';
import { nextDue } from '../ledger/due.ts';
import { LEDGER, type LedgerEntry, type NewEntry } from '../ledger/entry.ts';
import type { Governance } from '../ledger/governance.ts';
import { isTaken, readOrder } from '../ledger/orders.ts';
import { authorProblem, entryProblem } from '../ledger/reduce.ts';
import { runEntryOf } from '../ledger/run-work.ts';
import type { LedgerState } from '../ledger/state.ts';
import { windowFor } from '../ledger/window.ts';
import type { RunState } from '../roles/synchronizer-state.ts';
import { UserError } from '../support/errors.ts';
import { inTurn } from '../support/in-turn.ts';
import { parsedJson } from '../support/parsed-json.ts';
import { count, follows, object, text } from '../support/shape.ts';
import type { AuditVerdict, OpenAudits } from '../wire/audit-verdict.ts';
import type { LedgerHead, SignedFunds } from '../wire/messages.ts';
import { EXCLUSIONS } from './exclude-key.ts';
import type { FencedBackplane } from './fenced-backplane.ts';

export interface LedgerKeeperOptions {
  readonly backplane: Pick<Backplane, 'append' | 'chain' | 'read'> & Partial<Pick<FencedBackplane, 'meet' | 'part'>>;
  /** Of the mesh. */
  readonly keys: KeyPair;
  readonly run: (run: string) => Pick<RunState, 'deployment' | 'hash'> | undefined;
  readonly now: () => number;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  /** Of a ledger that begins. */
  readonly window?: number;
  /** What votes have put in force. */
  readonly governed?: (settings: Settings) => void;
  /** Milliseconds between two looks, and for which entries wait for a seal at most. */
  readonly lookMs?: number;
  readonly sealMs?: number;
}

const LOOK_MS = 1000;
const SEAL_MS = 10_000;
/** Records read at once. */
const PAGE = 64;
const KEPT_EXCLUSION = object({ key: text, run: text, reason: text, at: count, sig: text });
const NO_AUDITS: OpenAudits = { isUnderWay: () => false, areOver: () => false };

export class LedgerKeeper {
  readonly #options: LedgerKeeperOptions;
  readonly #turn = inTurn();
  /** By stream: its record that comes next. */
  readonly #next = new Map<string, number>();
  #book: LedgerBook | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writes = false;
  #follows = false;
  #sealed = 0;
  #settings: Settings = {};
  #since: Governance['since'] = {};
  #audits = NO_AUDITS;

  constructor(options: LedgerKeeperOptions) {
    this.#options = options;
  }

  /** Who knows which verdicts are still to come. */
  set audits(audits: OpenAudits) {
    this.#audits = audits;
  }

  /** It writes the ledger from now on, or no longer. */
  write(writes: boolean): void {
    if (this.#writes === writes) return;
    this.#writes = writes;
    this.#anew();
    if (!writes) this.#options.backplane.part?.(LEDGER);
    this.#watch();
  }

  /** It reads what another one writes, while it does not write itself: what was voted is in force everywhere. */
  follow(): void {
    this.#follows = true;
    this.#watch();
  }

  /** It does nothing more. */
  leave(): void {
    this.#follows = false;
    this.write(false);
    clearInterval(this.#timer);
  }

  #watch(): void {
    clearInterval(this.#timer);
    if (!this.#writes && !this.#follows) return;
    this.#sealed = this.#options.now();
    this.#timer = setInterval(() => void this.look(), this.#options.lookMs ?? LOOK_MS);
    this.#timer.unref();
  }

  /** Signs what is not signed yet, and ends. */
  async close(): Promise<void> {
    if (this.#writes) await this.#do((book) => (book.state.opened ? book.seal() : Promise.resolve()));
    this.leave();
  }

  /** Writes what has become of the runs, and what follows from it. A failure is told, and the next look goes on. */
  look(): Promise<void> {
    return this.#do((book) => (this.#writes ? this.#look(book) : this.#lookOn(book)));
  }

  /** As far as it was read. */
  get settings(): Settings {
    return this.#settings;
  }

  /**
   * Tokens for a run. Said again, it is the same order.
   * @throws UserError `mesh/run`, `ledger/refused`; as the backplane does
   */
  async fund(funds: SignedFunds): Promise<void> {
    const known = this.#options.run(funds.run);
    if (!known) throw new UserError('mesh/run', `there is no run ${funds.run}`);
    if (known.deployment.schedule === 'async' && !known.deployment.stretches)
      throw new UserError(
        'ledger/refused',
        `${funds.run} trains asynchronously, and goes on without late neighbours or was deployed by an earlier version: no record shows what its ticks have read, so its work cannot be done again, and nothing of it is paid`,
        'deploy it again, without `late`, to pay for it',
      );
    await this.#enter(async (book) => {
      if (!book) throw notHere();
      if (book.state.ids.has(funds.id)) return;
      if (!book.state.runs.has(funds.run)) await book.add(runEntryOf(known.deployment, known.hash));
      await book.add(funds);
    });
  }

  /**
   * What its author has signed: a transfer, a channel, a voucher. Said again, it is the same order.
   * @throws UserError `ledger/refused`; as the backplane does
   */
  async order(asked: unknown): Promise<void> {
    const order = readOrder(asked);
    if (!order) throw new UserError('ledger/refused', 'this is not an entry that its author signs');
    await this.#enter(async (book) => {
      if (!book) throw notHere();
      // Its ledger is begun by who lists a run, or gives it a charter.
      if (!book.state.opened && order.type !== 'charter')
        throw new NotEntered(`${order.type}: no ledger has been begun`);
      if (!isTaken(book.state, order)) await book.add(order);
    });
  }

  /**
   * Two records of one number that the mesh has signed: nothing is paid from then on.
   * @throws UserError `ledger/refused` where they show nothing
   */
  async forked(heads: readonly LedgerHead[]): Promise<void> {
    await this.#enter(async (book) => {
      if (!book?.state.opened) throw new NotEntered('no ledger is written here');
      await book.add({ type: 'forked', heads });
    });
    this.#options.log({ event: 'ledger-forked', heads });
  }

  /** What somebody asks for, who is told why it is not entered. @throws UserError `ledger/refused` */
  #enter(work: (book: LedgerBook | undefined) => Promise<void>): Promise<void> {
    return this.#turn(async () => {
      try {
        const book = await this.#opened();
        await work(this.#writes ? book : undefined);
        if (book) this.#govern(book.state);
      } catch (error) {
        if (error instanceof NotEntered) throw new UserError('ledger/refused', error.message);
        this.#anew();
        throw error;
      }
    });
  }

  #do(work: (book: LedgerBook) => Promise<void>): Promise<void> {
    return this.#turn(async () => {
      try {
        const book = await this.#opened();
        if (!book) return;
        await work(book);
        this.#govern(book.state);
      } catch (error) {
        this.#anew();
        this.#options.log({ event: 'ledger-waits', message: String(error) });
      }
    });
  }

  /** It is not known what the store has, or who else has written: all is read again. */
  #anew(): void {
    this.#book = undefined;
    this.#next.clear();
  }

  async #opened(): Promise<LedgerBook | undefined> {
    if (!this.#writes && !this.#follows) return undefined;
    if (!this.#book) {
      const { backplane, keys, now, window = windowFor(AUDIT_RATE) } = this.#options;
      // What another one still writes that presided before comes too late from here on.
      if (this.#writes) await backplane.meet?.(LEDGER);
      const book = new LedgerBook({ backplane, keys, now, window });
      await book.read();
      for (const { sequence, told } of book.problems)
        this.#options.log({ event: 'ledger-problem', sequence, message: told });
      this.#book = book;
    }
    return this.#book;
  }

  async #look(book: LedgerBook): Promise<void> {
    if (!book.state.opened) return;
    for (const { ended, entry } of book.state.runs.values()) if (!ended) await this.#commits(book, entry.run);
    await this.#exclusions(book);
    const next = (): NewEntry | undefined =>
      this.#over(book.state) ?? nextDue(book.state, this.#audits) ?? channelDue(book.state, this.#options.now());
    for (let due = next(); due; due = next()) await book.add(due);
    const { now: clock, sealMs = SEAL_MS } = this.#options;
    const now = clock();
    if (now - this.#sealed < sealMs) return;
    await book.seal((book.state.governance?.proposals.size ?? 0) > 0);
    this.#sealed = now;
  }

  async #lookOn(book: LedgerBook): Promise<void> {
    await book.readOn();
  }

  #govern({ governance }: LedgerState): void {
    if (!governance) return;
    const { settings, since } = governance;
    // The number of a record says which value it is, also where all was read again.
    const names = SETTING_NAMES.filter((name) => since[name] !== this.#since[name]);
    [this.#settings, this.#since] = [settings, since];
    for (const setting of names)
      this.#options.log({ event: 'governed', record: since[setting], setting, value: settings[setting] });
    if (names.length > 0) this.#options.governed?.(settings);
  }

  /** Of a run whose audits are over nothing waits for followers that do not come. */
  #over({ runs }: LedgerState): NewEntry | undefined {
    for (const { ended, entry } of runs.values())
      if (!ended && this.#audits.areOver(entry.run)) return { type: 'ended', run: entry.run };
    return undefined;
  }

  /** Stretches of the run that were committed, and verdicts that came, since the last look. */
  #commits(book: LedgerBook, run: string): Promise<void> {
    return this.#news(`commit/${run}`, (kept) =>
      follows(KEPT_VERDICT, kept) ? offer(book, verdictEntry(kept.audited)) : this.#pending(book, run, kept),
    );
  }

  /** Keys that the mesh has excluded since the last look: they are paid nothing from here on, in any run. */
  #exclusions(book: LedgerBook): Promise<void> {
    return this.#news(EXCLUSIONS, async (kept) => {
      if (!follows(KEPT_EXCLUSION, kept)) return;
      const { key: trainer, run, reason, at, sig } = kept;
      await offer(book, { type: 'excluded', trainer, reason: 'word', word: { run, reason, at, sig } });
    });
  }

  /** Records of a stream since the last look, one after the other. */
  async #news(stream: string, take: (kept: unknown) => Promise<void>): Promise<void> {
    for (;;) {
      const page = await this.#options.backplane.read(stream, this.#next.get(stream) ?? 1, PAGE);
      for (const { sequence, value } of page) {
        await take(parsedJson(value));
        this.#next.set(stream, sequence + 1);
      }
      if (page.length === 0) return;
    }
  }

  async #pending(book: LedgerBook, run: string, kept: unknown): Promise<void> {
    const deployment = this.#options.run(run)?.deployment;
    if (!deployment || !follows(KEPT_COMMIT, kept)) return;
    for (let beyond = 0; ; ) {
      const next = nextPending(book.state, run, deployment, kept, beyond);
      if (!next) return;
      beyond = next.to;
      try {
        await book.add(next);
      } catch (error) {
        if (!(error instanceof NotEntered)) throw error;
        this.#options.log({ event: 'not-in-ledger', run, message: error.message });
      }
    }
  }
}

function notHere(): UserError {
  return new UserError('mesh/busy', 'this synchronizer does not write the ledger', 'ask again in a while');
}

function verdictEntry({ run, shard, term, from, to, trainer, verdict }: AuditVerdict): NewEntry {
  return { type: 'audited', run, shard, term, from, to, trainer, verdict };
}

/** What was entered before, changes nothing any more, or is not signed, is passed over: all is read after each start. */
async function offer(book: LedgerBook, entry: NewEntry): Promise<void> {
  const whole = { ...entry, at: 0 } as LedgerEntry;
  if ((authorProblem(book.state, whole) ?? entryProblem(book.state, whole)) === undefined) await book.add(entry);
}
