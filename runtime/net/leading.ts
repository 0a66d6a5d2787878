/**
 * What a synchronizer does for runs while it leads them: the state machine, with the backplane and the trainers behind its
 * effects. Of several synchronizers each leads some of the runs, and knows the others as they are stored.
 */
import { isDeepStrictEqual } from 'node:util';
import { SynchronizerDriver } from '../driver/synchronizer-driver.ts';
import type { Settings } from '../ledger/charter.ts';
import { allotmentOf, isWithin } from '../roles/allotments.ts';
import { auditsAreOver, isUnderWay } from '../roles/audit-terms.ts';
import { emptySynchronizer, isActive, isOver } from '../roles/synchronizer.ts';
import {
  isSignOfLife,
  type RunState,
  type SignOfLife,
  type StoredRun,
  type SynchronizerEffect,
  type SynchronizerEvent,
  type SynchronizerState,
  storedOf,
} from '../roles/synchronizer-state.ts';
import { wallNow } from '../support/clock.ts';
import type { UserError } from '../support/errors.ts';
import { Gathered } from '../support/gathered.ts';
import type { Message, Question } from '../wire/messages.ts';
import { WIRE_VERSION } from '../wire/version.ts';
import { AllotmentsEntry } from './allotments-entry.ts';
import { answerQuestion } from './answer-question.ts';
import { type Answers, answerTo } from './answers.ts';
import { manifestsWith, readParts } from './damaged-parts.ts';
import { entered } from './entered.ts';
import { EventLog, eventStream } from './event-log.ts';
import { excludeKey } from './exclude-key.ts';
import { Garbage, type GarbageReport } from './garbage.ts';
import type { Visitor } from './gateway.ts';
import type { LeadingOptions, SeveralLeaders } from './leading-options.ts';
import { LedgerKeeper } from './ledger-keeper.ts';
import { LostMembers } from './lost-members.ts';
import { noLeader } from './no-leader.ts';
import { OwnWork } from './own-work.ts';
import type { ProbedLink } from './probes.ts';
import { ownersOf, recordBytes } from './record-blobs.ts';
import { RecordTickets } from './record-tickets.ts';
import { statusPage } from './status-page.ts';
import { SynchronizerStore } from './synchronizer-store.ts';
import { type Counted, liveRuns, putTogether, type Seen, type Told } from './told-status.ts';
import { SAY_AGAIN } from './welcome.ts';

/** Milliseconds between two looks for blobs that nothing names. */
const COLLECT_EVERY_MS = 600_000;
/** Milliseconds for which signs of life of trainers wait for others. */
const GATHER_MS = 50;

type AskedAllot = Extract<SynchronizerEffect, { readonly kind: 'allot' }>;

export class Leading {
  readonly #options: LeadingOptions;
  readonly #events: EventLog;
  readonly #garbage: Garbage;
  readonly #store: SynchronizerStore;
  readonly #driver: SynchronizerDriver;
  readonly #work: OwnWork;
  readonly #lost = new LostMembers();
  readonly #records: RecordTickets;
  readonly #ledger: LedgerKeeper;
  readonly #allotments: AllotmentsEntry | undefined;
  readonly #endDamaged: () => void;
  /** Runs whose records cannot be read, and were set aside. */
  #damaged: readonly string[] = [];
  #failed: (error: unknown) => void = () => undefined;
  #sweeps: NodeJS.Timeout | undefined;
  #over = false;
  readonly #signs = new Gathered(GATHER_MS, (signs: readonly SignOfLife[]) => {
    if (!this.#over) this.#driver.happen({ kind: 'signs', signs });
  });
  #giveUp: (error: UserError) => void = () => undefined;
  /** Rejected when it leads no longer. */
  readonly #given = new Promise<never>((_, reject) => {
    this.#giveUp = reject;
  });

  constructor(options: LeadingOptions) {
    this.#options = options;
    const { backplane, keys, log, several } = options;
    this.#given.catch(() => undefined);
    this.#work = new OwnWork(backplane, options.checker, {
      deployment: (run) => this.#driver.state.runs[run]?.deployment,
      done: (event) => this.happen(event),
      audits: {
        ...{ keys, records: () => this.#records, letGo: (holder, blobs) => this.#drop(holder, blobs) },
        hold: (holder, blobs) => this.#garbage.hold(holder, blobs),
        send: (to, message) => options.trainers.send(to, message),
      },
      failed: (error, run) => (several ? several.lost(run, error) : this.#fatal(error)),
    });
    this.#allotments = several && this.#newAllotments(several);
    this.#store = new SynchronizerStore({
      ...{ backplane, log },
      ...(backplane.meet ? { meet: backplane.meet } : {}),
      persisted: async (run) => {
        options.stored(run);
        await this.#garbage.persisted(run);
      },
      notCollected: (error) => this.#notCollected(error),
      ...(several
        ? {
            lost: several.lost,
            overtook: several.overtook,
            allot: (effect, { done }) =>
              this.#allot(effect).then(done, (error: unknown) => {
                several.lost(effect.run, error);
                done(false);
              }),
          }
        : {}),
    });
    this.#driver = this.#newDriver();
    this.#events = new EventLog(backplane, (run, error) =>
      log({ event: 'recording-ends', run, message: String(error) }),
    );
    this.#endDamaged = backplane.onDamagedBlob((hash) => {
      for (const damaged of manifestsWith(Object.values(this.state.runs), hash))
        void this.#damagedManifest({ kind: 'manifest-damaged', ...damaged });
    });
    this.#garbage = new Garbage({
      backplane,
      runs: () => Object.values(this.state.runs),
      now: wallNow,
      removed: options.removed,
      ...(several ? { atOnce: (run) => !this.#mayHaveSameParts(run) } : {}),
    });
    this.#records = new RecordTickets({
      keys,
      state: () => this.state,
      owners: (run, term) => ownersOf(backplane, this.state.runs[run], run, term),
      send: (to, message) => options.trainers.send(to, message),
      recordBytes: (blob, stretch) => recordBytes(backplane, blob, stretch),
      hold: (holder, blobs) => this.#garbage.hold(holder, blobs),
      now: wallNow,
    });
    this.#ledger = new LedgerKeeper({
      ...{ backplane, keys, log, run: (run) => this.state.runs[run], now: wallNow, ...options.ledger },
      governed: (settings) => this.#governed(settings),
    });
    this.#ledger.audits = {
      isUnderWay: (stretch) => isUnderWay(this.state.runs[stretch.run], stretch),
      areOver: (run) => auditsAreOver(this.state.runs[run]),
    };
  }

  #newDriver(): SynchronizerDriver {
    const { trainers } = this.#options;
    return new SynchronizerDriver(
      {
        store: this.#store,
        trainers: {
          send: (to, message) => trainers.send(to, message),
          reconnect: (key) => trainers.dismiss(key, SAY_AGAIN),
          dismiss: (key) => trainers.dismiss(key, 'dismissed'),
        },
        work: (effect) => this.#work.take(effect),
        revoke: (effect) => void excludeKey(effect, this.#options),
        now: wallNow,
        soon: queueMicrotask,
        note: (before, event, at, step) => {
          this.#lost.note(before, event, at, step);
          this.#events.note(before, event, at, step);
        },
        failed: (error) => this.#failed(error),
      },
      this.#options.several
        ? { ...emptySynchronizer(wallNow()), presides: false, allotted: { version: 0, lines: {} } }
        : emptySynchronizer(wallNow()),
    );
  }

  /** What was voted holds for draws from here on. */
  #governed({ auditRate }: Settings): void {
    if (auditRate !== undefined) this.happen({ kind: 'governed', auditRate });
  }

  /** Records may be large, and are of no use behind their audit. */
  #drop(holder: object, blobs: readonly string[]): void {
    this.#garbage.letGo(holder);
    this.#garbage.drop(blobs).catch((error: unknown) => this.#notCollected(error));
  }

  #newAllotments({ allotted }: SeveralLeaders): AllotmentsEntry {
    return new AllotmentsEntry({
      backplane: this.#options.backplane,
      isOver: (id) => {
        const run = this.state.runs[id];
        return run !== undefined && isOver(run);
      },
      stored: () =>
        Object.fromEntries(
          Object.entries(this.state.runs).flatMap(([id, run]) => {
            const line = allotmentOf(this.#driver.durable(id) ?? run);
            return line ? [[id, line] as const] : [];
          }),
        ),
      learnt: (version, lines) => this.happen({ kind: 'allotted', version, lines }),
      written: allotted,
    });
  }

  async #allot({ run, line, knowing }: AskedAllot): Promise<boolean> {
    const stored = this.#driver.durable(run);
    const holds = stored !== undefined && isWithin(line, allotmentOf(stored));
    return (await this.#allotments?.allot({ run, line, knowing, holds })) ?? true;
  }

  /** A part has the same name where another run of the same model has reached the same values. */
  #mayHaveSameParts({ deployment }: StoredRun): boolean {
    const others = Object.values(this.state.runs).filter(({ foreign }) => foreign);
    return others.some((other) => isActive(other) && other.deployment.model === deployment.model);
  }

  async #damagedManifest(event: SynchronizerEvent & { kind: 'manifest-damaged' }): Promise<void> {
    const run = this.state.runs[event.run];
    const { several } = this.#options;
    if (several && run?.foreign && (!isOver(run) || !this.state.presides || !(await several.revive(event.run)))) return;
    this.happen(event);
  }

  get state(): SynchronizerState {
    return this.#driver.state;
  }

  get garbage(): Garbage {
    return this.#garbage;
  }

  get records(): RecordTickets {
    return this.#records;
  }

  /** Where audits say what they have found. */
  get ledger(): LedgerKeeper {
    return this.#ledger;
  }

  /** Goes on with what is stored. */
  async restore(): Promise<void> {
    if (this.#options.several) {
      this.#failed = (error) => this.#fatal(error);
      await this.follow();
      this.#ledger.follow();
      void this.#ledger.look();
      return;
    }
    const stored = await this.#store.runs();
    this.#damaged = await this.#store.damaged();
    await new Promise<void>((resolve, reject) => {
      // The caller that opens it hears of it: nothing is under way yet that would have to end.
      this.#failed = reject;
      this.#driver.restore(stored);
      this.#driver.after(resolve);
    });
    this.#failed = (error) => this.#fatal(error);
    this.#ledger.write(true);
    void this.#ledger.look();
    await readParts(this.#options.backplane, () => Object.values(this.state.runs));
  }

  /** Of several: runs that this one does not lead, as they are stored, and what trainers have been given. */
  async follow(): Promise<void> {
    const { runs, unreadable } = await this.#store.known();
    for (const run of runs) this.stored(run);
    for (const run of unreadable) this.#options.several?.unreadable(run);
    this.#damaged = await this.#store.damaged();
    await this.allotted();
  }

  /** Another one has stored it so. */
  stored(run: StoredRun): void {
    const known = this.state.runs[run.deployment.run];
    if (known && !known.foreign) return;
    if (!known || !isDeepStrictEqual(storedOf(known), run)) this.happen({ kind: 'follows', run });
  }

  /** Others have been given something. */
  async allotted(): Promise<void> {
    await this.#allotments?.learn();
  }

  /**
   * It leads the run from now on, from what is stored. @param leads whether it still does
   * @returns whether a run is stored under that name
   */
  async lead(run: string, reign: number, leads: () => boolean): Promise<boolean> {
    const stored = await this.#store.lead(run);
    if (!stored) this.#damaged = await this.#store.damaged();
    if (!stored || !leads()) return false;
    if (isActive(stored)) await this.#store.note(run, { event: 'led', reign });
    if (!leads()) return false;
    this.happen({ kind: 'leads', run: stored });
    const own = (): RunState[] => Object.values(this.state.runs).filter((r) => r.deployment.run === run);
    readParts(this.#options.backplane, own).catch((error: unknown) => this.#options.several?.lost(run, error));
    return true;
  }

  leads(run: string): boolean {
    const known = this.state.runs[run];
    return known !== undefined && !known.foreign;
  }

  /** It leads the run no longer: nothing more of it is done, at once. */
  leave(run: string): void {
    const { part } = this.#options.backplane;
    const stored = this.#driver.forget(run);
    const known = this.state.runs[run];
    this.#store.leave(run);
    for (const stream of [`log/${run}`, `commit/${run}`, eventStream(run)]) part?.(stream);
    if (stored ?? known) this.happen({ kind: 'follows', run: stored ?? storedOf(known as RunState) });
    this.#events.leave(run);
  }

  /** There is no such run. */
  absent(run: string): void {
    this.happen({ kind: 'absent', run });
  }

  /** It leads the mesh, or no longer: names nothing of its own, and removes what no run names. */
  preside(presides: boolean): void {
    if (this.#over || this.state.presides === presides) return;
    this.happen({ kind: 'presides', presides });
    clearInterval(this.#sweeps);
    this.#ledger.write(presides);
    if (presides) this.collectFromNowOn();
  }

  /** What has entered so far is in the recordings. */
  flush(): Promise<void> {
    return this.#events.flush();
  }

  /** For the status of the mesh at another synchronizer. */
  seen(): Seen {
    const { refused, relayedBytes } = this.#options.counters();
    return { runs: liveRuns(this.state), refused, relayedBytes, damaged: this.#damaged };
  }

  /** Blobs that nothing names are looked for, now and from time to time. */
  collectFromNowOn(): void {
    this.#collect();
    this.#sweeps = setInterval(() => this.#collect(), COLLECT_EVERY_MS);
  }

  /** A sign of life may wait for others, but not for an event behind it. */
  happen(event: SynchronizerEvent): void {
    if (this.#over) return;
    if (isSignOfLife(event)) {
      this.#signs.add(event);
      return;
    }
    this.#signs.flush();
    this.#driver.happen(event);
  }

  heard(visitor: Visitor, message: Message): void {
    if (this.#over) return;
    if (message.type === 'record') {
      this.#records.heard(visitor.key, message);
      // The audits that have asked for it hold it from now on: it can go when they are over, though the trainer stays.
      if (message.blob !== undefined) this.#garbage.letGo(visitor, [message.blob]);
      return;
    }
    if (message.type === 'outputs') this.#work.heard(visitor.key, message);
    this.happen(this.#vouchedFor(entered(this.state, visitor.key, message)));
    if (message.type !== 'part' || !this.leads(message.run)) return;
    this.#garbage.part(message.run, message.blob);
    this.#garbage.letGo(visitor, [message.blob]);
  }

  /** What another synchronizer has taken from a trainer: its name is given, what it tells was asked for. */
  taken(key: string, message: Message): void {
    this.happen(this.#vouchedFor({ kind: 'message', from: key, message, taken: true }));
  }

  /** A trainer says what it is; whether its key is a stranger's, the list of keys says. */
  #vouchedFor(event: SynchronizerEvent): SynchronizerEvent {
    if (event.kind !== 'message' || event.message.type !== 'member') return event;
    return this.#options.membership.isVouched(event.from) ? { ...event, vouched: true } : event;
  }

  /** A trainer's connection has ended. */
  disconnected(key: string): void {
    this.#records.gone(key);
    this.#work.gone(key);
    this.happen({ kind: 'disconnected', key });
  }

  measured(key: string, link: ProbedLink): void {
    this.happen({ kind: 'measured', key, link });
  }

  /** A key may not have what it had. */
  review(key: string, reason: string): void {
    if (!this.state.members[key] || this.#options.membership.mayBe(key, 'trainer')) return;
    // A record that it was asked for does not come any more, and audits are done one after the other.
    this.#records.gone(key);
    this.#work.gone(key);
    this.happen({ kind: 'expelled', key, reason });
  }

  /** Runs save where they are, then it ends. */
  async close(): Promise<void> {
    this.happen({ kind: 'close' });
    const end = wallNow() + 10_000;
    while (Object.values(this.state.runs).some((run) => !run.foreign && isActive(run)) && wallNow() < end)
      await new Promise((r) => setTimeout(r, 50));
    await this.#work.close();
  }

  /** Until all that was decided so far is written down and said. */
  settled(): Promise<void> {
    return Promise.race([new Promise<void>((resolve) => this.#driver.after(resolve)), this.#given]);
  }

  /** What it has recorded is kept. */
  async end(): Promise<void> {
    clearInterval(this.#sweeps);
    this.#signs.flush();
    this.#over = true;
    this.#endDamaged();
    await this.#events.close();
    await this.#ledger.close();
  }

  /** It leads no longer: nothing more of it is done, at once. */
  abandon(): void {
    this.#over = true;
    this.#signs.drop();
    this.#driver.stop();
    this.#giveUp(noLeader());
    clearInterval(this.#sweeps);
    this.#endDamaged();
    this.#events.abandon();
    this.#ledger.leave();
    void this.#work.close();
  }

  /** The blobs of a damaged run are unknown: while there is one, blobs stay unless an operator asks for it. */
  #collect(): void {
    if (this.#damaged.length > 0) return;
    this.#collected(false).then(
      ({ removed }) => removed.blobs > 0 && this.#options.log({ event: 'garbage', ...removed }),
      (error: unknown) => this.#notCollected(error),
    );
  }

  /** Of several: no run is named by others that this one does not know. */
  async #collected(dryRun: boolean): Promise<GarbageReport> {
    if (this.#options.several) await this.follow();
    return this.#garbage.collect(dryRun);
  }

  /** Then it stays for now, which does no harm. */
  #notCollected(error: unknown): void {
    this.#options.log({ event: 'garbage-failed', message: String(error) });
  }

  #fatal(error: unknown): void {
    if (!this.#over) this.#options.failed(error);
  }

  answer(visitor: Visitor, question: Question): Promise<unknown> {
    const { membership, backplane, checker, review } = this.#options;
    return answerQuestion(visitor, question, {
      ...{ membership, backplane, review, state: () => this.state, garbage: this.#garbage, records: this.#records },
      ledger: this.#ledger,
      status: (from) => this.status(from),
      happen: (event) => this.happen(event),
      settled: () => this.settled(),
      flush: () => this.#events.flush(),
      collected: (dryRun) => this.#collected(dryRun),
      prepareChecks: () => checker?.prepare(),
    });
  }

  #alone(): { readonly state: SynchronizerState; readonly counters: Counted } {
    return { state: this.state, counters: this.#options.counters() };
  }

  /** @param told by others, where there are several synchronizers */
  status(from: number | undefined, told?: Told): Answers['status'] {
    const { version, refusedAge } = this.#options;
    const { state, counters } = told ? putTogether(this.state, this.#options.counters(), told.seen) : this.#alone();
    return answerTo('status', {
      ...statusPage(state, counters, from),
      lost: this.#lost.told(wallNow()),
      damaged: [...new Set([...this.#damaged, ...(told?.seen ?? []).flatMap(({ damaged }) => damaged)])],
      refusedAge: refusedAge(),
      ...(told ? { synchronizers: told.synchronizers } : {}),
      synchronizer: { pid: process.pid, wire: WIRE_VERSION, ...(version === undefined ? {} : { version }) },
    });
  }
}
