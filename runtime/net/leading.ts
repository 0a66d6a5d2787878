/**
 * What a synchronizer does for runs while it leads them: the state machine, with the backplane and the trainers behind its
 * effects. One that leads no longer is abandoned, and another one begins from what is stored.
 */
import type { Backplane, StreamRecord } from '../backplane/backplane.ts';
import { SynchronizerDriver } from '../driver/synchronizer-driver.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { blobsOfDeployment } from '../roles/named-blobs.ts';
import { emptySynchronizer, isActive } from '../roles/synchronizer.ts';
import type { StoredRun, SynchronizerEvent, SynchronizerState } from '../roles/synchronizer-state.ts';
import { wallNow } from '../support/clock.ts';
import { UserError } from '../support/errors.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Message, Question } from '../wire/messages.ts';
import { WIRE_VERSION } from '../wire/version.ts';
import { type Answers, answerTo } from './answers.ts';
import type { Checker } from './checker.ts';
import { manifestsWith, readParts } from './damaged-parts.ts';
import { entered } from './entered.ts';
import { EventLog, eventStream } from './event-log.ts';
import type { FencedBackplane } from './fenced-backplane.ts';
import { Garbage } from './garbage.ts';
import type { GatewayCounters, Visitor } from './gateway.ts';
import { answerKeys } from './keys-questions.ts';
import { LostMembers } from './lost-members.ts';
import type { Membership } from './membership.ts';
import { OwnWork } from './own-work.ts';
import type { ProbedLink } from './probes.ts';
import { soundDeployment } from './read-deployment.ts';
import { ownersOf, recordBytes } from './record-blobs.ts';
import { RecordTickets } from './record-tickets.ts';
import { readLogEntry } from './run-shapes.ts';
import { statusPage } from './status-page.ts';
import { SynchronizerStore } from './synchronizer-store.ts';
import { SAY_AGAIN } from './welcome.ts';

/** The ways to trainers, wherever they are connected. */
export interface Trainers {
  /** @returns whether the trainer is connected */
  readonly send: (to: string, message: Message) => boolean;
  readonly dismiss: (key: string, reason: string) => void;
}

export interface LeadingOptions {
  readonly keys: KeyPair;
  readonly backplane: Backplane & Partial<Pick<FencedBackplane, 'meet'>>;
  readonly membership: Membership;
  /** Of the program. */
  readonly version?: string;
  /** Its process outlives the one who leads. */
  readonly checker?: Omit<Checker, 'close'>;
  readonly trainers: Trainers;
  readonly counters: () => GatewayCounters;
  readonly refusedAge: () => Readonly<Record<string, number>>;
  /** Ends what a key may not have any more. */
  readonly review: (key: string, reason: string) => void;
  /** A blob is gone. */
  readonly removed: (hash: string) => void;
  /** A run is as durable as this. */
  readonly stored: (run: StoredRun) => void;
  /** Of several synchronizers: in which reign this one leads. */
  readonly reign?: number;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  /** It cannot go on. */
  readonly failed: (error: unknown) => void;
}

/** Bytes of records in one answer. */
const MAX_RECORDED_BYTES = 768 * 1024;
/** Milliseconds between two looks for blobs that nothing names. */
const COLLECT_EVERY_MS = 600_000;

export class Leading {
  readonly #options: LeadingOptions;
  readonly #events: EventLog;
  readonly #garbage: Garbage;
  readonly #store: SynchronizerStore;
  readonly #driver: SynchronizerDriver;
  readonly #work: OwnWork;
  readonly #lost = new LostMembers();
  readonly #records: RecordTickets;
  readonly #endDamaged: () => void;
  /** Runs whose records cannot be read, and were set aside. */
  #damaged: readonly string[] = [];
  #failed: (error: unknown) => void = () => undefined;
  #sweeps: NodeJS.Timeout | undefined;
  #over = false;
  #giveUp: (error: UserError) => void = () => undefined;
  /** Rejected when it leads no longer. */
  readonly #given = new Promise<never>((_, reject) => {
    this.#giveUp = reject;
  });

  constructor(options: LeadingOptions) {
    this.#options = options;
    const { backplane, keys, log } = options;
    this.#given.catch(() => undefined);
    this.#work = new OwnWork(backplane, options.checker, {
      deployment: (run) => this.#driver.state.runs[run]?.deployment,
      done: (event) => this.happen(event),
      failed: (error) => this.#fatal(error),
    });
    this.#store = new SynchronizerStore({
      ...{ backplane, log },
      ...(backplane.meet ? { meet: backplane.meet } : {}),
      persisted: async (run) => {
        options.stored(run);
        await this.#garbage.persisted(run);
      },
      notCollected: (error) => this.#notCollected(error),
    });
    this.#driver = this.#newDriver();
    this.#events = new EventLog(backplane, (run, error) =>
      log({ event: 'recording-ends', run, message: String(error) }),
    );
    this.#endDamaged = backplane.onDamagedBlob((hash) => {
      for (const damaged of manifestsWith(Object.values(this.state.runs), hash))
        this.happen({ kind: 'manifest-damaged', ...damaged });
    });
    this.#garbage = new Garbage({
      backplane,
      runs: () => Object.values(this.state.runs),
      now: wallNow,
      removed: options.removed,
    });
    this.#records = new RecordTickets({
      keys,
      state: () => this.state,
      owners: (run, term) => ownersOf(backplane, this.state.runs[run], run, term),
      send: options.trainers.send,
      recordBytes: (blob, stretch) => recordBytes(backplane, blob, stretch),
      hold: (holder, blobs) => this.#garbage.hold(holder, blobs),
      now: wallNow,
    });
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
        now: wallNow,
        soon: queueMicrotask,
        note: (before, event, at, step) => {
          this.#lost.note(before, event, at, step);
          this.#events.note(before, event, at, step);
        },
        failed: (error) => this.#failed(error),
      },
      emptySynchronizer(wallNow()),
    );
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

  /** Goes on with what is stored. */
  async restore(): Promise<void> {
    const stored = await this.#store.runs();
    this.#damaged = await this.#store.damaged();
    const { reign } = this.#options;
    if (reign !== undefined) {
      const active = stored.filter(isActive);
      await Promise.all(active.map(({ deployment }) => this.#store.note(deployment.run, { event: 'led', reign })));
    }
    await new Promise<void>((resolve, reject) => {
      // The caller that opens it hears of it: nothing is under way yet that would have to end.
      this.#failed = reject;
      this.#driver.restore(stored);
      this.#driver.after(resolve);
    });
    this.#failed = (error) => this.#fatal(error);
    await readParts(this.#options.backplane, () => Object.values(this.state.runs));
  }

  /** Blobs that nothing names are looked for, now and from time to time. */
  collectFromNowOn(): void {
    this.#collect();
    this.#sweeps = setInterval(() => this.#collect(), COLLECT_EVERY_MS);
  }

  happen(event: SynchronizerEvent): void {
    if (!this.#over) this.#driver.happen(event);
  }

  heard(visitor: Visitor, message: Message): void {
    if (this.#over) return;
    if (message.type === 'record') {
      this.#records.heard(visitor.key, message);
      return;
    }
    this.happen(entered(this.state, visitor.key, message));
    if (message.type !== 'part' || !this.state.runs[message.run]) return;
    this.#garbage.part(message.run, message.blob);
    this.#garbage.letGo(visitor, [message.blob]);
  }

  /** A trainer's connection has ended. */
  disconnected(key: string): void {
    this.#records.gone(key);
    this.happen({ kind: 'disconnected', key });
  }

  measured(key: string, link: ProbedLink): void {
    this.happen({ kind: 'measured', key, link });
  }

  /** A key may not have what it had. */
  review(key: string, reason: string): void {
    if (this.state.members[key] && !this.#options.membership.mayBe(key, 'trainer'))
      this.happen({ kind: 'expelled', key, reason });
  }

  /** Runs save where they are, then it ends. */
  async close(): Promise<void> {
    this.happen({ kind: 'close' });
    const end = wallNow() + 10_000;
    while (Object.values(this.state.runs).some(isActive) && wallNow() < end)
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
    this.#over = true;
    this.#endDamaged();
    await this.#events.close();
  }

  /** It leads no longer: nothing more of it is done, at once. */
  abandon(): void {
    this.#over = true;
    this.#driver.stop();
    this.#giveUp(noLeader());
    clearInterval(this.#sweeps);
    this.#endDamaged();
    this.#events.abandon();
    void this.#work.close();
  }

  /** The blobs of a damaged run are unknown: while there is one, blobs stay unless an operator asks for it. */
  #collect(): void {
    if (this.#damaged.length > 0) return;
    this.#garbage.collect().then(
      ({ removed }) => removed.blobs > 0 && this.#options.log({ event: 'garbage', ...removed }),
      (error: unknown) => this.#notCollected(error),
    );
  }

  /** Then it stays for now, which does no harm. */
  #notCollected(error: unknown): void {
    this.#options.log({ event: 'garbage-failed', message: String(error) });
  }

  #fatal(error: unknown): void {
    if (!this.#over) this.#options.failed(error);
  }

  async answer(visitor: Visitor, question: Question): Promise<unknown> {
    const { key } = visitor;
    const { version, membership, backplane } = this.#options;
    if (question.what === 'status')
      return answerTo('status', {
        ...statusPage(this.state, this.#options.counters(), question.from),
        lost: this.#lost.told(wallNow()),
        damaged: this.#damaged,
        refusedAge: this.#options.refusedAge(),
        synchronizer: { pid: process.pid, wire: WIRE_VERSION, ...(version === undefined ? {} : { version }) },
      });
    if (question.what === 'alive') {
      this.happen({ kind: 'alive', key, instance: question.instance });
      return {};
    }
    if (question.what === 'record') return answerTo('record', await this.#records.bring(visitor, question.ticket));
    membership.assertOperator(visitor, question.what);
    switch (question.what) {
      case 'deploy':
        return this.#deploy(visitor, question.deployment);
      case 'stop':
        this.#known(question.run);
        this.happen({ kind: 'stop', run: question.run });
        return {};
      case 'run': {
        const run = this.#known(question.run);
        this.#garbage.holdRun(visitor, run);
        const { deployment, hash, phase, manifests, rows, checks, reason, term, created, checked = null } = run;
        return answerTo('run', { deployment, hash, phase, manifests, rows, checks, reason, term, created, checked });
      }
      case 'logs': {
        this.#known(question.run);
        const records = fitting(await backplane.read(`log/${question.run}`, question.from, 1000));
        const read = records.map(({ sequence, value }) => ({ sequence, ...readLogEntry(question.run, value) }));
        return answerTo('logs', { records: read });
      }
      case 'events':
        this.#known(question.run);
        return answerTo('events', await this.#recorded(question.run, question.from));
      case 'keys':
      case 'allow':
      case 'revoke':
      case 'expire':
      case 'invite':
        return answerKeys(question, { by: key, membership, state: this.state, review: this.#options.review });
      case 'ticket':
        return answerTo('ticket', { ticket: this.#records.issue(question, question.bearer ?? key) });
      case 'drain':
        this.happen({ kind: 'drain', name: question.trainer });
        return {};
      case 'gc':
        return answerTo('gc', await this.#garbage.collect(question.dryRun));
      default:
        throw new UserError('mesh/question', 'this question is not answered here');
    }
  }

  async #recorded(run: string, from: number): Promise<{ readonly records: readonly StreamRecord[] }> {
    if (from <= 1) await this.#events.flush();
    const records = await this.#options.backplane.read(eventStream(run), from, 64);
    return { records: fitting(records) };
  }

  async #deploy(visitor: Visitor, asked: Deployment): Promise<Answers['deploy']> {
    const { backplane } = this.#options;
    const deployment = soundDeployment(asked, asked.run);
    const blobs = blobsOfDeployment(deployment);
    this.#garbage.hold(visitor, blobs);
    for (const blob of blobs)
      if (!(await backplane.touchBlob(blob)))
        throw new UserError('mesh/blob', `the mesh has no blob ${blob}`, 'deploy again: it brings what is missing');
    const before = this.state.runs[deployment.run];
    const hash = await backplane.putBlob(canonicalBytes(deployment));
    if (before && before.hash !== hash)
      throw new UserError('mesh/run', `there is a different run ${deployment.run}`, 'deploy under another name');
    this.happen({ kind: 'deploy', deployment, hash });
    if (deployment.evaluations.length > 0) this.#options.checker?.prepare();
    await this.settled();
    this.#garbage.letGo(visitor, blobs);
    return { run: deployment.run };
  }

  #known(id: string): SynchronizerState['runs'][string] {
    const run = this.state.runs[id];
    if (run) return run;
    const names = Object.keys(this.state.runs);
    throw new UserError(
      'mesh/run',
      `there is no run ${id}`,
      names.length > 0 ? `there are: ${names.join(', ')}` : 'no run has been deployed yet',
    );
  }
}

export function noLeader(): UserError {
  return new UserError('mesh/busy', 'no synchronizer leads the mesh at this moment', 'ask again in some seconds');
}

/** The first of them, as many as fit into one message; one at least. */
function fitting(records: readonly StreamRecord[]): readonly StreamRecord[] {
  let size = 0;
  const end = records.findIndex(({ value }) => {
    size += Buffer.byteLength(value);
    return size > MAX_RECORDED_BYTES;
  });
  return end < 0 ? records : records.slice(0, Math.max(1, end));
}
