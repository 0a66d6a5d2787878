/**
 * One of several synchronizers of a mesh. One of them leads all runs, by a lease; the others serve their gateways and
 * forward: what a trainer or an operator says reaches the leader from wherever they are connected, and back.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backplane } from '../backplane/backplane.ts';
import { Fence } from '../roles/leadership.ts';
import type { StoredRun, SynchronizerState } from '../roles/synchronizer-state.ts';
import type { Message, Question } from '../wire/messages.ts';
import { Backbone, type FarVisitor, type Word } from './backbone.ts';
import { Fenced, type FencedBackplane, fencedBackplane } from './fenced-backplane.ts';
import { FollowedRuns } from './followed-runs.ts';
import type { Visitor } from './gateway.ts';
import { type Leading, noLeader, type Trainers } from './leading.ts';
import { Lease } from './lease.ts';
import type { ProbedLink } from './probes.ts';
import { type ToldError, toldError } from './told-error.ts';
import { SAY_AGAIN } from './welcome.ts';

/** What differs between the leader of all and one that leads its own mesh alone. */
export interface Lead {
  readonly reign: number;
  readonly backplane: FencedBackplane;
  readonly trainers: Trainers;
  readonly stored: (run: StoredRun) => void;
  readonly removed: (hash: string) => void;
  readonly failed: (error: unknown) => void;
}

export interface OwnGateway extends Trainers {
  readonly dismissAll: (reason: string) => void;
  readonly deliver: (to: string, packet: Buffer) => void;
}

export interface SeveralOptions {
  readonly backplane: Backplane;
  /** Where trainers reach this one. */
  readonly address: string;
  readonly lapseMs?: number;
  readonly gateway: OwnGateway;
  readonly lead: (lead: Lead) => Leading;
  /** Another one has changed who may what. */
  readonly keysChanged: () => void;
  readonly removed: (hash: string) => void;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}

/** Milliseconds without a renewal after which another one takes over. */
export const LEASE_MS = 4000;
const HERE_MS = 500;
/** One that has not been heard for so long is not counted on. */
const SILENT_MS = 5000;
const ANSWER_MS = 20_000;
/** A trainer may be slow to bring a record; the leader says so when it gives up. */
const RECORD_MS = 3_600_000;
const LOOK_MS = 100;
const GATEWAYS = 'gateway/';

interface Pending {
  readonly visitor: Visitor;
  readonly question: Question;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

export class Several {
  readonly self = randomBytes(8).toString('hex');
  readonly #options: SeveralOptions;
  readonly #backbone: Backbone;
  readonly #lease: Lease;
  readonly #fence = new Fence();
  readonly #followed: FollowedRuns;
  readonly #timer: NodeJS.Timeout;
  /** When others were heard last. */
  readonly #present = new Map<string, number>();
  readonly #gateways: Set<string>;
  /** Trainers of other gateways, by key: of which. */
  readonly #places = new Map<string, string>();
  readonly #farVisitors = new Map<string, Visitor>();
  readonly #ownVisitors = new Map<object, number>();
  readonly #pending = new Map<number, Pending>();
  /** Begun, and still reading what the leader before it has done; or leading. */
  #begun: { readonly reign: number; readonly leading: Leading } | undefined;
  #leading: Leading | undefined;
  /** Another one. */
  #leader: string | undefined;
  #numbers = 0;

  private constructor(options: SeveralOptions, gateways: readonly string[]) {
    this.#options = options;
    const { backplane, log, lapseMs = LEASE_MS } = options;
    this.#gateways = new Set([options.address, ...gateways]);
    this.#followed = new FollowedRuns(backplane);
    this.#backbone = new Backbone({
      ...{ backplane, self: this.self },
      hear: (from, word) => this.#hear(from, word),
      missed: (from) => this.#missed(from),
      failed: (error) => log({ event: 'not-said', message: String(error) }),
    });
    this.#lease = new Lease({
      ...{ backplane, key: 'leader', self: this.self, lapseMs, log },
      now: () => performance.now(),
      begins: (reign) => void this.#begin(reign),
      ends: (reign) => this.#stepDown(reign, 'its lease has ended'),
    });
    this.#timer = setInterval(() => this.#look(), HERE_MS);
  }

  static async open(options: SeveralOptions): Promise<Several> {
    const { backplane, address } = options;
    const key = GATEWAYS + address;
    await backplane.put(key, address, (await backplane.get(key))?.revision ?? 0);
    const known = await backplane.list(GATEWAYS);
    const several = new Several(
      options,
      known.map(({ value }) => value),
    );
    await several.#reload();
    return several;
  }

  /** Nothing while another one leads. */
  get leading(): Leading | undefined {
    return this.#leading;
  }

  get state(): SynchronizerState {
    return this.#leading?.state ?? this.#followed.state;
  }

  /** Addresses of all gateways, this one's first. */
  get gateways(): readonly string[] {
    return [...this.#gateways];
  }

  heard(visitor: Visitor, message: Message): void {
    if (this.#leading) {
      this.#places.delete(visitor.key);
      this.#leading.heard(visitor, message);
    } else this.#backbone.say({ kind: 'said', key: visitor.key, message });
  }

  disconnected(key: string): void {
    // It may be back already, at another gateway.
    if (this.#leading && !this.#places.has(key)) this.#leading.disconnected(key);
    else if (!this.#leading) this.#backbone.say({ kind: 'disconnected', key });
  }

  measured(key: string, link: ProbedLink): void {
    if (this.#leading) this.#leading.happen({ kind: 'measured', key, link });
    else this.#backbone.say({ kind: 'measured', key, link });
  }

  /** A connection of this gateway has ended. */
  left(visitor: object): void {
    for (const [id, pending] of this.#pending) if (pending.visitor === visitor) this.#forget(id, pending);
    const id = this.#ownVisitors.get(visitor);
    this.#ownVisitors.delete(visitor);
    if (id !== undefined && !this.#leading) this.#backbone.say({ kind: 'left', visitor: id });
  }

  /** A border packet whose receiver is not connected here. */
  carry(to: string, packet: Buffer): void {
    this.#backbone.say({ kind: 'border', to, packet: packet.toString('base64') });
  }

  keysChanged(): void {
    this.#backbone.say({ kind: 'keys' });
  }

  async answer(visitor: Visitor, question: Question): Promise<unknown> {
    if (question.what === 'alive' && !this.#leading) {
      this.#backbone.say({ kind: 'alive', key: visitor.key, instance: question.instance });
      return {};
    }
    const end = performance.now() + ANSWER_MS;
    while (!this.#leading && this.#leader === undefined) {
      if (performance.now() > end) throw noLeader();
      await sleep(LOOK_MS);
    }
    return this.#leading ? this.#leading.answer(visitor, question) : this.#ask(visitor, question);
  }

  #ask(visitor: Visitor, question: Question): Promise<unknown> {
    const id = ++this.#numbers;
    const patience = question.what === 'record' ? RECORD_MS : ANSWER_MS;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(noLeader());
      }, patience);
      this.#pending.set(id, { visitor, question, resolve, reject, timer });
      this.#backbone.say({ kind: 'ask', id, visitor: this.#farOf(visitor), question });
    });
  }

  /** As others know it. */
  #farOf(visitor: Visitor): FarVisitor {
    const id = this.#ownVisitors.get(visitor) ?? ++this.#numbers;
    this.#ownVisitors.set(visitor, id);
    return { id, key: visitor.key, role: visitor.role };
  }

  #forget(id: number, { timer }: Pending): void {
    this.#pending.delete(id);
    clearTimeout(timer);
  }

  /** Another one takes over where there is one; else runs save where they are. */
  async close(): Promise<void> {
    const { backplane, address } = this.#options;
    clearInterval(this.#timer);
    if (this.#leading && this.#present.size === 0) {
      await this.#leading.close();
      await this.#leading.settled();
      await this.#leading.end();
    }
    this.#begun?.leading.abandon();
    this.#begun = undefined;
    this.#leading = undefined;
    await this.#lease.resign();
    this.#lease.close();
    const entry = await backplane.get(GATEWAYS + address);
    if (entry) await backplane.remove(entry.key, entry.revision);
    // The last one is to know that it is: it saves the runs where they are.
    await this.#backbone.say({ kind: 'gone' });
    this.#backbone.close();
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
  }

  async #begin(reign: number): Promise<void> {
    const { backplane, lead, log } = this.#options;
    const leads = (): boolean => this.#lease.leads(reign);
    this.#fence.admits(reign);
    this.#leader = undefined;
    const leading = lead({
      reign,
      backplane: fencedBackplane(backplane, leads),
      trainers: this.#trainersIn(reign),
      stored: (run) => {
        this.#followed.stored(run);
        this.#backbone.say({ kind: 'stored', reign, run });
      },
      removed: (hash) => this.#backbone.say({ kind: 'removed', hash }),
      failed: (error) => this.#stepDown(reign, String(error)),
    });
    this.#begun = { reign, leading };
    try {
      await leading.restore();
      if (!leads()) throw new Fenced('the lease');
    } catch (error) {
      this.#stepDown(reign, String(error));
      return;
    }
    if (this.#begun?.leading !== leading) return;
    this.#leading = leading;
    log({ event: 'leads', reign });
    leading.collectFromNowOn();
    this.#sayHere();
    this.#answerPending(leading);
  }

  #stepDown(reign: number, message: string): void {
    if (this.#begun?.reign !== reign) return;
    this.#options.log({ event: 'leads-no-more', reign, message });
    this.#begun.leading.abandon();
    this.#begun = undefined;
    this.#leading = undefined;
    this.#places.clear();
    this.#farVisitors.clear();
    void this.#lease.resign();
    void this.#reload();
  }

  /** What was asked of a leader before. */
  #answerPending(leading: Leading): void {
    for (const [id, pending] of this.#pending) {
      this.#forget(id, pending);
      const { visitor, question, resolve, reject } = pending;
      leading.answer(visitor, question).then(resolve, reject);
    }
  }

  #trainersIn(reign: number): Trainers {
    const { gateway } = this.#options;
    return {
      send: (to, message) => {
        if (!this.#lease.leads(reign)) throw new Fenced('the lease');
        if (!this.#places.has(to)) return gateway.send(to, message);
        this.#backbone.say({ kind: 'send', reign, to, message });
        return true;
      },
      dismiss: (key, reason) => {
        if (this.#places.has(key)) this.#backbone.say({ kind: 'dismiss', reign, key, reason });
        else gateway.dismiss(key, reason);
      },
    };
  }

  #look(): void {
    const now = performance.now();
    for (const [from, at] of this.#present) if (now - at > SILENT_MS) this.#lose(from);
    this.#sayHere();
  }

  #lose(from: string): void {
    this.#present.delete(from);
    this.#backbone.forget(from);
    if (this.#leader === from) this.#leader = undefined;
    for (const [name, visitor] of this.#farVisitors) {
      if (!name.startsWith(`${from} `)) continue;
      this.#farVisitors.delete(name);
      this.#leading?.garbage.letGo(visitor);
    }
  }

  #sayHere(): void {
    const { address } = this.#options;
    const reign = this.#leading && this.#begun?.reign;
    this.#backbone.say({ kind: 'here', address, ...(reign === undefined ? {} : { reign }) });
  }

  #missed(from: string): void {
    this.#options.log({ event: 'words-missed', from });
    if (this.#leading) this.#backbone.say({ kind: 'nack', to: from });
    else if (from === this.#leader) {
      void this.#reload();
      this.#options.gateway.dismissAll(SAY_AGAIN);
    }
  }

  async #reload(): Promise<void> {
    try {
      await this.#followed.reload();
    } catch (error) {
      this.#options.log({ event: 'not-followed', message: String(error) });
    }
  }

  #hear(from: string, word: Word): void {
    if ('reign' in word && word.reign !== undefined && !this.#fence.admits(word.reign)) return;
    if (this.#leading) this.#hearAsLeader(this.#leading, from, word);
    else this.#hearAsFollower(word);
    switch (word.kind) {
      case 'here':
        this.#here(from, word.address, word.reign);
        return;
      case 'gone':
        this.#lose(from);
        return;
      case 'keys':
        this.#options.keysChanged();
        return;
      case 'removed':
        this.#options.removed(word.hash);
        return;
      case 'border':
        this.#options.gateway.deliver(word.to, Buffer.from(word.packet, 'base64'));
    }
  }

  #here(from: string, address: string, reign: number | undefined): void {
    this.#present.set(from, performance.now());
    this.#gateways.add(address);
    if (reign === undefined) {
      if (this.#leader === from) this.#leader = undefined;
      return;
    }
    if (this.#leading || this.#leader === from) return;
    this.#leader = from;
    void this.#reload();
    for (const [id, { visitor, question }] of this.#pending)
      this.#backbone.say({ kind: 'ask', id, visitor: this.#farOf(visitor), question });
  }

  #hearAsFollower(word: Word): void {
    const { gateway } = this.#options;
    switch (word.kind) {
      case 'stored':
        this.#followed.stored(word.run);
        return;
      case 'send':
        gateway.send(word.to, word.message);
        return;
      case 'dismiss':
        gateway.dismiss(word.key, word.reason);
        return;
      case 'nack':
        if (word.to === this.self) gateway.dismissAll(SAY_AGAIN);
        return;
      case 'answer':
        if (word.to === this.self) this.#answered(word.id, word.answer, word.error);
    }
  }

  #answered(id: number, answer: unknown, error: ToldError | undefined): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#forget(id, pending);
    if (error) pending.reject(Object.assign(new Error(error.message), error));
    else pending.resolve(answer);
  }

  #hearAsLeader(leading: Leading, from: string, word: Word): void {
    switch (word.kind) {
      case 'said':
        this.#places.set(word.key, from);
        leading.heard({ key: word.key, role: 'trainer' }, word.message);
        return;
      case 'alive':
        leading.happen({ kind: 'alive', key: word.key, instance: word.instance });
        return;
      case 'disconnected':
        if (this.#places.get(word.key) !== from) return;
        this.#places.delete(word.key);
        leading.disconnected(word.key);
        return;
      case 'measured':
        leading.happen({ kind: 'measured', key: word.key, link: word.link });
        return;
      case 'left': {
        const name = `${from} ${word.visitor}`;
        const visitor = this.#farVisitors.get(name);
        this.#farVisitors.delete(name);
        if (visitor) leading.garbage.letGo(visitor);
        return;
      }
      case 'ask':
        this.#answerFar(leading, from, word.id, word.visitor, word.question);
    }
  }

  #answerFar(leading: Leading, from: string, id: number, far: FarVisitor, question: Question): void {
    const name = `${from} ${far.id}`;
    const visitor = this.#farVisitors.get(name) ?? { key: far.key, role: far.role };
    this.#farVisitors.set(name, visitor);
    leading.answer(visitor, question).then(
      (answer) => this.#backbone.say({ kind: 'answer', to: from, id, answer }),
      (error: unknown) => this.#backbone.say({ kind: 'answer', to: from, id, error: toldError(error) }),
    );
  }
}
