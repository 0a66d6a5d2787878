/**
 * A synchronizer's process: a gateway for trainers and operators, and behind it the one who leads runs: itself where it
 * is alone, or one of several synchronizers.
 */
import type { Backplane } from '../backplane/backplane.ts';
import type { Tokens } from '../http/bearer.ts';
import { Hosts } from '../http/hosts.ts';
import type { Certificate } from '../http/limited-server.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { isMeasuring } from '../roles/border-probes.ts';
import { emptySynchronizer, isActive, TICK_MS } from '../roles/synchronizer.ts';
import type { RunState, SynchronizerState } from '../roles/synchronizer-state.ts';
import { wallNow } from '../support/clock.ts';
import { UserError } from '../support/errors.ts';
import { follows, object, text } from '../support/shape.ts';
import type { Invite, Role } from '../wire/handshake.ts';
import { hex } from '../wire/hash.ts';
import type { Message, Question } from '../wire/messages.ts';
import type { BorderHead } from '../wire/routing.ts';
import { isRunTag } from '../wire/run-tag.ts';
import type { Ticket } from '../wire/ticket.ts';
import { blobRights, withTickets } from './blob-rights.ts';
import type { Checker } from './checker.ts';
import { Gateway, type GatewayOptions, type Visitor } from './gateway.ts';
import { HttpDoor } from './http-door.ts';
import { Leading } from './leading.ts';
import type { LeadingOptions } from './leading-options.ts';
import { Membership } from './membership.ts';
import { metricsText } from './mesh-metrics.ts';
import { type Lead, Several, type SeveralOptions } from './several.ts';
import type { SeveralTrainers } from './several-trainers.ts';
import { TicketRights } from './ticket-rights.ts';

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
  /** It is one of several, which share the backplane. */
  readonly several?: {
    /** Where trainers reach this one, which listens at that port. */
    readonly address: (port: number) => string;
    readonly lapseMs?: number;
  };
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  /** An authorised user has asked for the end. */
  readonly onShutdown: () => void;
}

/** Of the key that all synchronizers of one mesh have. */
const MESH_KEY = 'mesh/key';
/** The answer of the one who has a record. */
const RECORD = object({ blob: text });

export class SynchronizerNode {
  readonly #options: SynchronizerOptions;
  readonly #gateway: Gateway;
  readonly #door: HttpDoor;
  readonly #membership: Membership;
  readonly #tags = new Map<string, string>();
  readonly #tickets = new TicketRights(wallNow);
  /** Where it is alone. */
  #alone: Leading | undefined;
  #several: Several | undefined;
  #timer: NodeJS.Timeout | undefined;
  port = 0;

  private constructor(options: SynchronizerOptions, membership: Membership) {
    this.#options = options;
    this.#membership = membership;
    const { tls, keys, backplane, log } = options;
    this.#gateway = new Gateway({
      keys,
      ...(options.version === undefined ? {} : { version: options.version }),
      backplane,
      holding: {
        hold: (holder, hashes) => this.#leading?.garbage.hold(holder, hashes),
        letGo: (holder, hashes) => {
          this.#leading?.garbage.letGo(holder, hashes);
          if (!hashes) this.#several?.left(holder);
        },
      },
      inviteKey: (id) => membership.inviteKey(id),
      refuse: (key, role, invite) => membership.admit(key, role, invite),
      mayBe: (key, role) => membership.mayBe(key, role),
      blobRights: withTickets(
        blobRights(() => this.state),
        this.#tickets,
      ),
      onMessage: (visitor, message) => this.#heard(visitor, message),
      onAsk: (visitor, question) => this.#answer(visitor, question),
      onClosed: ({ key, role }) => {
        if (role !== 'trainer') return;
        this.#tickets.gone(key);
        this.#trainers?.disconnected(key);
      },
      route: (from, head) => this.#route(from, head),
      elsewhere: (to, packet) => this.#several?.carry(to, packet),
      probes: {
        may: (key, first) => mayProbe(this.state, key, first),
        measured: (key, link) => this.#trainers?.measured(key, link),
      },
      log,
      ...options.gateway,
    });
    this.#door = new HttpDoor({
      hosts: options.hosts ?? new Hosts([options.host]),
      ...(tls ? { certificate: tls } : {}),
      ...(options.tokens ? { tokens: options.tokens } : {}),
      metrics: () => metricsText(this.state, this.#gateway.counters),
    });
    this.#gateway.attach(this.#door.server);
  }

  /** @throws EnvironmentError `port/busy`; UserError `mesh/key` where its mesh has another key */
  static async open(options: SynchronizerOptions): Promise<SynchronizerNode> {
    const { backplane, operator, log } = options;
    const changed = (entry: string): void => node.#several?.keysChanged(entry);
    const node: SynchronizerNode = new SynchronizerNode(options, await Membership.open(backplane, wallNow, changed));
    if (options.several) await assertKey(backplane, node.key);
    if (!(await node.#membership.allowStarter(operator)))
      log({ event: 'not-operator', key: operator, message: 'operators have taken this role from it' });
    if (!options.several) {
      node.#alone = node.#lead({ backplane, failed: (error) => node.#fatal(error) });
      await node.#alone.restore();
    }
    node.port = await node.#door.listen(options.host, options.port);
    if (options.several) node.#several = await Several.open(node.#severalOptions(options.several));
    node.#timer = setInterval(() => node.#tick(), TICK_MS);
    node.#alone?.collectFromNowOn();
    return node;
  }

  #severalOptions({ address, lapseMs }: NonNullable<SynchronizerOptions['several']>): SeveralOptions {
    const { backplane, log } = this.#options;
    return {
      ...{ backplane, log, address: address(this.port) },
      ...(lapseMs === undefined ? {} : { lapseMs }),
      gateway: {
        send: (to, message) => this.#send(to, message),
        dismiss: (key, reason) => this.#gateway.dismiss(key, reason),
        dismissAll: (reason) => this.#gateway.dismissAll(reason),
        deliver: (to, packet) => this.#gateway.deliver(to, packet),
      },
      lead: (lead) => this.#lead({ ...lead, failed: (error) => this.#fatal(error) }),
      keysChanged: (entry) => void this.#refreshKeys(entry),
      removed: (hash) => this.#gateway.blobs.removed(hash),
    };
  }

  #lead(lead: Partial<Omit<Lead, 'backplane'>> & Pick<LeadingOptions, 'backplane' | 'failed'>): Leading {
    const { keys, version, checker, log } = this.#options;
    return new Leading({
      ...{ keys, log, membership: this.#membership },
      ...(version === undefined ? {} : { version }),
      ...(checker ? { checker } : {}),
      trainers: {
        send: (to, message) => this.#send(to, message),
        dismiss: (key, reason) => this.#gateway.dismiss(key, reason),
      },
      counters: () => this.#gateway.counters,
      refusedAge: () => this.#gateway.refusedAge(),
      review: (key, reason) => this.#review(key, reason),
      stored: () => undefined,
      ...lead,
      removed: (hash) => {
        this.#gateway.blobs.removed(hash);
        lead.removed?.(hash);
      },
    });
  }

  get #leading(): Leading | undefined {
    return this.#alone ?? this.#several?.leading;
  }

  /** Hears trainers: itself, or all of the mesh. */
  get #trainers(): Leading | SeveralTrainers | undefined {
    return this.#alone ?? this.#several?.trainers;
  }

  get state(): SynchronizerState {
    return this.#leading?.state ?? NOTHING;
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

  /** Runs save where they are, or another synchronizer leads them; then everything ends. */
  async close(): Promise<void> {
    await this.#alone?.close();
    await this.#several?.close();
    await this.#options.checker?.close();
    this.#gateway.goDown('the mesh is going down');
    clearInterval(this.#timer);
    await this.#alone?.settled();
    await this.#alone?.end();
    await new Promise((r) => setTimeout(r, 100));
    this.#gateway.close();
    await this.#door.close();
    await this.#options.backplane.close();
  }

  #tick(): void {
    this.#leading?.happen(this.#gateway.blobs.full ? { kind: 'tick', full: true } : { kind: 'tick' });
    for (const key of this.#membership.takeExpired()) this.#review(key, 'its key has expired');
  }

  /** Ends at once what a key may not have any more: its connections; its shards are reassigned. */
  #review(key: string, reason: string): void {
    this.#leading?.review(key, reason);
    this.#gateway.review(key, reason);
  }

  async #refreshKeys(entry?: string): Promise<void> {
    try {
      for (const key of await this.#membership.refresh(entry)) this.#review(key, 'its key was changed');
    } catch (error) {
      this.#options.log({ event: 'keys-not-read', message: String(error) });
    }
  }

  /** Of several gateways a trainer is told all, by the one that it is connected to. */
  #send(to: string, message: Message): boolean {
    if (message.type === 'wanted') this.#tickets.wanted(to, message.ticket, this.state.runs[message.ticket.run]);
    if (message.type === 'audit') for (const { ticket, record } of message.shards) this.#open(ticket, record);
    const gateways = this.#several?.gateways ?? [];
    const told = message.type === 'admitted' && gateways.length > 1 ? { ...message, gateways } : message;
    return this.#gateway.send(to, told);
  }

  #heard(visitor: Visitor, message: Message): void {
    if (message.type === 'record') this.#tickets.recorded(visitor.key, message);
    this.#trainers?.heard(visitor, message);
  }

  async #answer(visitor: Visitor, question: Question): Promise<unknown> {
    if (question.what !== 'shutdown') {
      const answer = await (this.#alone ?? this.#several)?.answer(visitor, question);
      if (question.what === 'record') this.#opened(question.ticket, answer);
      return answer;
    }
    this.#membership.assertOperator(visitor, question.what);
    this.#options.onShutdown();
    return {};
  }

  #opened(ticket: Ticket, answer: unknown): void {
    if (follows(RECORD, answer)) this.#open(ticket, answer.blob);
  }

  #open(ticket: Ticket, record: string): void {
    const run = this.state.runs[ticket.run];
    if (run) this.#tickets.opened(ticket, run, record);
  }

  #fatal(error: unknown): void {
    this.#options.log({ event: 'fatal', message: String(error) });
    process.exit(70);
  }

  #route(from: string, head: BorderHead): string | undefined {
    const run = this.#runOf(head.run);
    if (!run || run.term !== head.term || run.owners[head.from] !== from) return undefined;
    return run.owners[head.to];
  }

  #runOf(tag: Uint8Array): RunState | undefined {
    const name = hex(tag);
    const { runs } = this.state;
    const known = this.#tags.get(name);
    if (known !== undefined) return runs[known];
    const id = Object.keys(runs).find((run) => isRunTag(tag, run));
    if (id === undefined) return undefined;
    this.#tags.set(name, id);
    return runs[id];
  }
}

const NOTHING = emptySynchronizer(0);

/** @throws UserError `mesh/key` */
async function assertKey(backplane: Backplane, key: string): Promise<void> {
  await backplane.put(MESH_KEY, key, 0);
  const kept = await backplane.get(MESH_KEY);
  if (kept?.value === key) return;
  throw new UserError(
    'mesh/key',
    `the synchronizers of this mesh have the key ${kept?.value ?? 'of another'}, and this one has ${key}`,
    'copy key.json of the state folder of another one into that of this one',
  );
}

/** Trainers at work are not disturbed, except by the first probe of a new one; nor is a probe between two trainers. */
function mayProbe(state: SynchronizerState, key: string, first: boolean): boolean {
  if (isMeasuring(state, key)) return false;
  const active = Object.values(state.runs).filter(isActive);
  return !active.some((run) => run.owners.includes(key)) && (first || active.length === 0);
}
