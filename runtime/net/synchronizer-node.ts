/** A synchronizer's process: the state machine with the backplane, the gateway and a clock behind its effects. */
import type { Backplane, StreamRecord } from '../backplane/backplane.ts';
import { SynchronizerDriver } from '../driver/synchronizer-driver.ts';
import type { Tokens } from '../http/bearer.ts';
import { Hosts } from '../http/hosts.ts';
import type { Certificate } from '../http/limited-server.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { isMeasuring } from '../roles/border-probes.ts';
import { blobsOfDeployment } from '../roles/named-blobs.ts';
import { emptySynchronizer, isActive, TICK_MS } from '../roles/synchronizer.ts';
import type { StoredRun, SynchronizerEvent, SynchronizerState } from '../roles/synchronizer-state.ts';
import { wallNow } from '../support/clock.ts';
import { UserError } from '../support/errors.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Invite, Role } from '../wire/handshake.ts';
import { hex } from '../wire/hash.ts';
import type { Message, Question } from '../wire/messages.ts';
import type { BorderHead } from '../wire/routing.ts';
import { runTag } from '../wire/run-tag.ts';
import { WIRE_VERSION } from '../wire/version.ts';
import { type Answers, answerTo } from './answers.ts';
import { blobRights, withTickets } from './blob-rights.ts';
import type { Checker } from './checker.ts';
import { manifestsWith, readParts } from './damaged-parts.ts';
import { entered } from './entered.ts';
import { EventLog, eventStream } from './event-log.ts';
import { Garbage } from './garbage.ts';
import { Gateway, type GatewayOptions, type Visitor } from './gateway.ts';
import { HttpDoor } from './http-door.ts';
import { answerKeys } from './keys-questions.ts';
import { LostMembers } from './lost-members.ts';
import { Membership } from './membership.ts';
import { metricsText } from './mesh-metrics.ts';
import { OwnWork } from './own-work.ts';
import { soundDeployment } from './read-deployment.ts';
import { ownersOf, recordBytes } from './record-blobs.ts';
import { RecordTickets } from './record-tickets.ts';
import { readLogEntry } from './run-shapes.ts';
import { statusPage } from './status-page.ts';
import { SynchronizerStore } from './synchronizer-store.ts';

export interface SynchronizerOptions {
  readonly keys: KeyPair;
  readonly backplane: Backplane;
  readonly host: string;
  readonly port: number;
  /** Of the program. */
  readonly version?: string;
  /** Then it speaks wss. */
  readonly tls?: Certificate;
  /** The names that it answers to; without them its address. */
  readonly hosts?: Hosts;
  /** Who may read `/metrics` from elsewhere. */
  readonly tokens?: Tokens;
  /** Of the user who started it. */
  readonly operator: string;
  readonly gateway?: Pick<GatewayOptions, 'origins' | 'doorLimits' | 'places' | 'shares'>;
  /** Computes checks again; without it trainers do. */
  readonly checker?: Checker;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  /** An authorised user has asked for the end. */
  readonly onShutdown: () => void;
}

/** Bytes of records in one answer. */
const MAX_RECORDED_BYTES = 768 * 1024;
/** Milliseconds between two looks for blobs that nothing names. */
const COLLECT_EVERY_MS = 600_000;

export class SynchronizerNode {
  readonly #options: SynchronizerOptions;
  readonly #gateway: Gateway;
  readonly #events: EventLog;
  readonly #door: HttpDoor;
  readonly #garbage: Garbage;
  readonly #store: SynchronizerStore;
  readonly #driver: SynchronizerDriver;
  readonly #membership: Membership;
  readonly #tags = new Map<string, string>();
  readonly #work: OwnWork;
  readonly #lost = new LostMembers();
  readonly #records: RecordTickets;
  /** Runs whose records cannot be read, and were set aside. */
  #damaged: readonly string[] = [];
  #failed: (error: unknown) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #sweeps: NodeJS.Timeout | undefined;
  port = 0;

  private constructor(options: SynchronizerOptions, membership: Membership) {
    this.#options = options;
    this.#membership = membership;
    this.#work = new OwnWork(options.backplane, options.checker, {
      deployment: (run) => this.#driver.state.runs[run]?.deployment,
      done: (event) => this.#happen(event),
      failed: (error) => this.#fatal(error),
    });
    const { tls, keys, backplane, log } = options;
    const known = (run: string): unknown => this.#tags.set(hex(runTag(run)), run);
    const persisted = (run: StoredRun): Promise<void> => this.#garbage.persisted(run);
    const notCollected = (error: unknown): void => this.#notCollected(error);
    this.#store = new SynchronizerStore({ backplane, known, persisted, notCollected, log });
    this.#driver = this.#newDriver();
    this.#events = new EventLog(backplane, (run, error) =>
      options.log({ event: 'recording-ends', run, message: String(error) }),
    );
    backplane.onDamagedBlob((hash) => {
      for (const damaged of manifestsWith(Object.values(this.#driver.state.runs), hash))
        this.#happen({ kind: 'manifest-damaged', ...damaged });
    });
    this.#garbage = new Garbage({
      backplane,
      runs: () => Object.values(this.#driver.state.runs),
      now: wallNow,
      removed: (hash) => this.#gateway.blobs.removed(hash),
    });
    this.#records = new RecordTickets({
      keys,
      state: () => this.#driver.state,
      owners: (run, term) => ownersOf(backplane, this.#driver.state.runs[run], run, term),
      send: (to, message) => this.#gateway.send(to, message),
      recordBytes: (blob, stretch) => recordBytes(backplane, blob, stretch),
      hold: (holder, blobs) => this.#garbage.hold(holder, blobs),
      now: wallNow,
    });
    this.#gateway = new Gateway({
      keys,
      ...(options.version === undefined ? {} : { version: options.version }),
      backplane,
      holding: this.#garbage,
      inviteKey: (id) => membership.inviteKey(id),
      refuse: (key, role, invite) => membership.admit(key, role, invite),
      mayBe: (key, role) => membership.mayBe(key, role),
      blobRights: withTickets(
        blobRights(() => this.#driver.state),
        this.#records,
      ),
      onMessage: (visitor, message) => this.#heard(visitor, message),
      onAsk: (visitor, question) => this.#answer(visitor, question),
      onClosed: ({ key, role }) => {
        if (role !== 'trainer') return;
        this.#records.gone(key);
        this.#happen({ kind: 'disconnected', key });
      },
      route: (from, head) => this.#route(from, head),
      probes: {
        may: (key, first) => mayProbe(this.#driver.state, key, first),
        measured: (key, link) => this.#happen({ kind: 'measured', key, link }),
      },
      log: options.log,
      ...options.gateway,
    });
    this.#door = new HttpDoor({
      hosts: options.hosts ?? new Hosts([options.host]),
      ...(tls ? { certificate: tls } : {}),
      ...(options.tokens ? { tokens: options.tokens } : {}),
      metrics: () => metricsText(this.#driver.state, this.#gateway.counters),
    });
    this.#gateway.attach(this.#door.server);
  }

  #newDriver(): SynchronizerDriver {
    return new SynchronizerDriver(
      {
        store: this.#store,
        trainers: {
          send: (to, message) => this.#gateway.send(to, message),
          reconnect: (key) => this.#gateway.dismiss(key, 'say again what you are'),
          dismiss: (key) => this.#gateway.dismiss(key, 'dismissed'),
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

  /** @throws EnvironmentError `port/busy` */
  static async open(options: SynchronizerOptions): Promise<SynchronizerNode> {
    const node = new SynchronizerNode(options, await Membership.open(options.backplane));
    await node.#restore();
    await readParts(options.backplane, () => Object.values(node.state.runs));
    node.port = await node.#door.listen(options.host, options.port);
    node.#timer = setInterval(() => {
      node.#happen(node.#gateway.blobs.full ? { kind: 'tick', full: true } : { kind: 'tick' });
      for (const key of node.#membership.takeExpired()) node.#review(key, 'its key has expired');
    }, TICK_MS);
    node.#collect();
    node.#sweeps = setInterval(() => node.#collect(), COLLECT_EVERY_MS);
    return node;
  }

  get state(): SynchronizerState {
    return this.#driver.state;
  }

  get key(): string {
    return keyText(this.#options.keys.publicKey);
  }

  /** For one trainer that is not listed; good for a day. */
  invite(): Promise<Invite> {
    return this.#membership.invite();
  }

  /** @param by key of the operator who says so; nothing: it is said here */
  async allow(key: string, role: Role, by = 'start'): Promise<void> {
    await this.#membership.allow(key, role, by);
    this.#review(key, `its key is ${role} now`);
  }

  /** Ends at once what a key may not have any more: its connections; its shards are reassigned. */
  #review(key: string, reason: string): void {
    if (this.#driver.state.members[key] && !this.#membership.mayBe(key, 'trainer'))
      this.#happen({ kind: 'expelled', key, reason });
    this.#gateway.review(key, reason);
  }

  /** Runs save where they are, then everything ends. */
  async close(): Promise<void> {
    this.#happen({ kind: 'close' });
    const end = wallNow() + 10_000;
    while (Object.values(this.#driver.state.runs).some(isActive) && wallNow() < end)
      await new Promise((r) => setTimeout(r, 50));
    await this.#work.close();
    this.#gateway.goDown('the mesh is going down');
    clearInterval(this.#timer);
    clearInterval(this.#sweeps);
    await this.#settled();
    await this.#events.close();
    await new Promise((r) => setTimeout(r, 100));
    this.#gateway.close();
    await this.#door.close();
    await this.#options.backplane.close();
  }

  async #restore(): Promise<void> {
    const { operator, log } = this.#options;
    const stored = await this.#store.runs();
    this.#damaged = await this.#store.damaged();
    if (!(await this.#membership.allowStarter(operator)))
      log({ event: 'not-operator', key: operator, message: 'operators have taken this role from it' });
    await new Promise<void>((resolve, reject) => {
      // The caller that opens it hears of it: nothing is under way yet that would have to end.
      this.#failed = reject;
      this.#driver.restore(stored);
      this.#driver.after(resolve);
    });
    this.#failed = (error) => this.#fatal(error);
  }

  /** Until all that was decided so far is written down and said. */
  #settled(): Promise<void> {
    return new Promise((resolve) => this.#driver.after(resolve));
  }

  #heard(visitor: Visitor, message: Message): void {
    if (message.type === 'record') {
      this.#records.heard(visitor.key, message);
      return;
    }
    this.#happen(entered(this.#driver.state, visitor.key, message));
    if (message.type !== 'part' || !this.#driver.state.runs[message.run]) return;
    this.#garbage.part(message.run, message.blob);
    this.#garbage.letGo(visitor, [message.blob]);
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

  #happen(event: SynchronizerEvent): void {
    this.#driver.happen(event);
  }

  #fatal(error: unknown): void {
    this.#options.log({ event: 'fatal', message: String(error) });
    process.exit(70);
  }

  #route(from: string, head: BorderHead): string | undefined {
    const id = this.#tags.get(hex(head.run));
    const run = id === undefined ? undefined : this.#driver.state.runs[id];
    if (!run || run.term !== head.term || run.owners[head.from] !== from) return undefined;
    return run.owners[head.to];
  }

  async #answer(visitor: Visitor, question: Question): Promise<unknown> {
    const { key, role } = visitor;
    const { version } = this.#options;
    if (question.what === 'status')
      return answerTo('status', {
        ...statusPage(this.#driver.state, this.#gateway.counters, question.from),
        lost: this.#lost.told(wallNow()),
        damaged: this.#damaged,
        refusedAge: this.#gateway.refusedAge(),
        synchronizer: { pid: process.pid, wire: WIRE_VERSION, ...(version === undefined ? {} : { version }) },
      });
    if (question.what === 'alive') {
      this.#happen({ kind: 'alive', key, instance: question.instance });
      return {};
    }
    if (question.what === 'record') return answerTo('record', await this.#records.bring(visitor, question.ticket));
    if (role !== 'operator' || !this.#membership.mayBe(key, role))
      throw new UserError('mesh/forbidden', `a ${role} may not ask for ${question.what}`, 'ask as an operator');
    switch (question.what) {
      case 'deploy':
        return this.#deploy(visitor, question.deployment);
      case 'stop':
        this.#known(question.run);
        this.#happen({ kind: 'stop', run: question.run });
        return {};
      case 'run': {
        const run = this.#known(question.run);
        this.#garbage.holdRun(visitor, run);
        const { deployment, hash, phase, manifests, rows, checks, reason, term, created, checked = null } = run;
        return answerTo('run', { deployment, hash, phase, manifests, rows, checks, reason, term, created, checked });
      }
      case 'logs': {
        this.#known(question.run);
        const records = fitting(await this.#options.backplane.read(`log/${question.run}`, question.from, 1000));
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
        return answerKeys(question, {
          by: key,
          membership: this.#membership,
          state: this.#driver.state,
          review: (changed, reason) => this.#review(changed, reason),
        });
      case 'ticket':
        return answerTo('ticket', { ticket: this.#records.issue(question, question.bearer ?? key) });
      case 'drain':
        this.#happen({ kind: 'drain', name: question.trainer });
        return {};
      case 'gc':
        return answerTo('gc', await this.#garbage.collect(question.dryRun));
      case 'shutdown':
        this.#options.onShutdown();
        return {};
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
    const deployment = soundDeployment(asked, asked.run);
    const blobs = blobsOfDeployment(deployment);
    this.#garbage.hold(visitor, blobs);
    for (const blob of blobs)
      if (!(await this.#options.backplane.touchBlob(blob)))
        throw new UserError('mesh/blob', `the mesh has no blob ${blob}`, 'deploy again: it brings what is missing');
    const before = this.#driver.state.runs[deployment.run];
    const hash = await this.#options.backplane.putBlob(canonicalBytes(deployment));
    if (before && before.hash !== hash)
      throw new UserError('mesh/run', `there is a different run ${deployment.run}`, 'deploy under another name');
    this.#happen({ kind: 'deploy', deployment, hash });
    if (deployment.evaluations.length > 0) this.#options.checker?.prepare();
    await this.#settled();
    this.#garbage.letGo(visitor, blobs);
    return { run: deployment.run };
  }

  #known(id: string): SynchronizerState['runs'][string] {
    const run = this.#driver.state.runs[id];
    if (run) return run;
    const names = Object.keys(this.#driver.state.runs);
    throw new UserError(
      'mesh/run',
      `there is no run ${id}`,
      names.length > 0 ? `there are: ${names.join(', ')}` : 'no run has been deployed yet',
    );
  }
}

/** Trainers at work are not disturbed, except by the first probe of a new one; nor is a probe between two trainers. */
function mayProbe(state: SynchronizerState, key: string, first: boolean): boolean {
  if (isMeasuring(state, key)) return false;
  const active = Object.values(state.runs).filter(isActive);
  return !active.some((run) => run.owners.includes(key)) && (first || active.length === 0);
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
