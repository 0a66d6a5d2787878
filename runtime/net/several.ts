/**
 * One of several synchronizers of a mesh. Each run has a leader, by a lease of its own; one of them leads the mesh, by
 * another, for what is decided for all runs. All hear what trainers say, wherever they are connected, and know all runs;
 * a question goes to the leader of what it is about (spec/leaders.md).
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backplane } from '../backplane/backplane.ts';
import { LEDGER } from '../ledger/entry.ts';
import { Fence } from '../roles/leadership.ts';
import { isOver } from '../roles/synchronizer.ts';
import type { StoredRun, SynchronizerState } from '../roles/synchronizer-state.ts';
import type { Question } from '../wire/messages.ts';
import { Backbone, type Word } from './backbone.ts';
import { Fenced, type FencedBackplane, fencedBackplane } from './fenced-backplane.ts';
import type { Visitor } from './gateway.ts';
import type { Leading } from './leading.ts';
import type { SeveralLeaders, Trainers } from './leading-options.ts';
import { Lease } from './lease.ts';
import { Present } from './present.ts';
import { RunLeases } from './run-leases.ts';
import { SeveralQuestions } from './several-questions.ts';
import { SeveralTrainers } from './several-trainers.ts';
import { SAY_AGAIN } from './welcome.ts';

/** What differs between one that leads some runs and one that leads its own mesh alone. */
export interface Lead {
  readonly backplane: FencedBackplane;
  readonly trainers: Trainers;
  readonly stored: (run: StoredRun) => void;
  readonly removed: (hash: string) => void;
  readonly several: SeveralLeaders;
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
  readonly keysChanged: (entry?: string) => void;
  readonly removed: (hash: string) => void;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}

/** Milliseconds without a renewal after which another one takes over. */
export const LEASE_MS = 4000;
const [HERE_MS, LOOK_MS] = [500, 50];
/** What trainers have been given is read again in each of so many looks: a word of it may have been missed. */
const READ_EVERY = 10;
/** For which a new run waits for its lease, and one that ends as the last of all for those of others. */
const LEASE_WITHIN_MS = 5000;
const [GATEWAYS, MESH] = ['gateway/', 'leader'];

export class Several {
  readonly self = randomBytes(8).toString('hex');
  readonly leading: Leading;
  /** All of the mesh, wherever they are connected. */
  readonly trainers: SeveralTrainers;
  readonly #options: SeveralOptions;
  readonly #backbone: Backbone;
  /** Of the mesh: names nothing of runs. */
  readonly #mesh: Lease;
  readonly #leases: RunLeases;
  readonly #questions: SeveralQuestions;
  readonly #present = new Present(() => performance.now());
  /** By run. */
  readonly #fences = new Map<string, Fence>();
  /** Runs that it leads, and in which reigns. */
  readonly #led = new Map<string, number>();
  /** Runs that are about to be deployed here, or to begin again. */
  readonly #awaited = new Set<string>();
  readonly #gateways: Set<string>;
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #saidLoad = 0;
  #closing = false;

  private constructor(options: SeveralOptions, gateways: readonly string[]) {
    this.#options = options;
    const { backplane, log, lapseMs = LEASE_MS } = options;
    const { self } = this;
    this.#gateways = new Set([options.address, ...gateways]);
    this.#backbone = new Backbone({
      ...{ backplane, self },
      hear: (from, word) => this.#hear(from, word),
      missed: (from) => this.#missed(from),
      failed: (error) => log({ event: 'not-said', message: String(error) }),
    });
    this.#leases = new RunLeases({
      ...{ backplane, self, lapseMs, log },
      rank: () => this.#present.rank({ name: self, load: this.#load() }),
      begins: (run, reign) => void this.#begin(run, reign),
      ends: (run, reign) => this.#stepDown(run, reign, 'its lease has ended'),
    });
    this.#questions = new SeveralQuestions({
      ...{ self, present: this.#present, say: (word) => void this.#backbone.say(word) },
      leading: () => this.leading,
      led: () => this.led,
      here: () => this.#here(),
      take: (run) => this.#take(run),
    });
    this.trainers = new SeveralTrainers({
      gateway: options.gateway,
      say: (word) => this.#sayOfTrainers(word),
      leading: () => this.leading,
      reign: (run) => this.#leases.reign(run),
    });
    this.leading = options.lead({
      backplane: fencedBackplane(backplane, (what) => this.#mayWrite(what)),
      trainers: this.trainers,
      stored: (run) => this.#stored(run),
      removed: (hash) => this.#backbone.say({ kind: 'removed', hash }),
      several: {
        lost: (run, error) => this.#lost(run, error),
        overtook: (run) => this.#backbone.say({ kind: 'overtook', run }),
        allotted: () => this.#backbone.say({ kind: 'allotted' }),
        revive: (run) => this.#take(run),
        unreadable: (run) => void this.#take(run),
      },
    });
    this.#mesh = new Lease({
      ...{ backplane, key: MESH, self, lapseMs, log },
      now: () => performance.now(),
      begins: () => this.#preside(true),
      ends: () => this.#preside(false),
    });
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
    await several.leading.restore();
    several.#openLeases();
    several.#sayHere();
    several.#timer = setInterval(() => several.#look(), HERE_MS);
    return several;
  }

  get state(): SynchronizerState {
    return this.leading.state;
  }

  /** Addresses of all gateways, this one's first. */
  get gateways(): readonly string[] {
    return [...this.#gateways];
  }

  /** Runs that this one leads. */
  get led(): readonly string[] {
    return [...this.#led.keys()];
  }

  /** A connection of this gateway has ended. */
  left(visitor: object): void {
    this.#questions.left(visitor);
  }

  /** A border packet whose receiver is not connected here. */
  carry(to: string, packet: Buffer): void {
    this.#backbone.say({ kind: 'border', to, packet: packet.toString('base64') });
  }

  keysChanged(entry: string): void {
    this.#backbone.say({ kind: 'keys', entry });
  }

  async answer(visitor: Visitor, question: Question): Promise<unknown> {
    switch (question.what) {
      case 'alive':
        this.#sayOfTrainers({ kind: 'alive', key: visitor.key, instance: question.instance });
        return this.leading.answer(visitor, question);
      case 'drain': {
        const answer = await this.leading.answer(visitor, question);
        this.#backbone.say({ kind: 'drain', name: question.trainer });
        return answer;
      }
      default:
        // Words that tell of a run may have been missed.
        if ('run' in question && !this.state.runs[question.run]) await this.#read();
        return this.#questions.answer(visitor, question);
    }
  }

  /** Another one leads the runs where there is one; else they save where they are. */
  async close(): Promise<void> {
    const { backplane, address } = this.#options;
    clearInterval(this.#timer);
    if (this.#present.all.length === 0) await this.#suspendAll();
    this.#closing = true;
    await Promise.race([this.#written(), sleep(LEASE_WITHIN_MS)]);
    this.leading.abandon();
    const byLoad = [...this.#led.keys()].sort((a, b) => this.#shards(a) - this.#shards(b));
    this.#led.clear();
    for (const run of new Set([...byLoad, ...this.#leases.runs()])) await this.#leases.close(run);
    await this.#mesh.resign();
    this.#mesh.close();
    const entry = await backplane.get(GATEWAYS + address);
    if (entry) await backplane.remove(entry.key, entry.revision);
    // The last one is to know that it is: it saves the runs where they are.
    await this.#backbone.say({ kind: 'gone' });
    this.#backbone.close();
    this.#questions.close();
  }

  /** All that was decided, and what came of it. */
  async #written(): Promise<void> {
    await this.leading.settled();
    await this.leading.end();
  }

  /** Those that others have just given up, too. */
  async #suspendAll(): Promise<void> {
    const all = (): boolean =>
      Object.entries(this.state.runs).every(([run, state]) => isOver(state) || this.#led.has(run));
    this.#openLeases();
    for (const end = performance.now() + LEASE_WITHIN_MS; !all() && performance.now() < end; ) await sleep(LOOK_MS);
    await this.leading.close();
  }

  /** Nothing is written for a run whose lease has lapsed by this one's own clock. */
  #mayWrite(what: string): boolean {
    const [, run] = /^(?:run|log|event|commit)\/(.+)$/.exec(what) ?? [];
    if (run !== undefined) return this.#leases.reign(run) !== undefined;
    if (what === LEDGER) return this.#presides;
    return !what.startsWith('blob ') || [...this.#led.keys()].some((led) => this.#leases.reign(led)) || this.#presides;
  }

  /** By its own clock. */
  get #presides(): boolean {
    return this.#mesh.reign !== undefined;
  }

  #fence(run: string): Fence {
    const fence = this.#fences.get(run) ?? new Fence();
    this.#fences.set(run, fence);
    return fence;
  }

  async #begin(run: string, reign: number): Promise<void> {
    this.#fence(run).admits(reign);
    const leads = (): boolean => this.#leases.leads(run, reign);
    try {
      const stored = await this.leading.lead(run, reign, leads);
      if (!leads()) throw new Fenced('its lease');
      this.#led.set(run, reign);
      if (!stored && !this.#awaited.has(run)) {
        this.leading.absent(run);
        this.#endLease(run);
        return;
      }
    } catch (error) {
      this.#options.log({ event: 'leads-no-more', run, reign, message: String(error) });
      this.#led.delete(run);
      this.leading.leave(run);
      void this.#leases.resign(run);
      return;
    }
    this.#options.log({ event: 'leads', run, reign });
    this.#sayHere();
    this.#questions.routeAgain();
  }

  #lost(run: string, error: unknown): void {
    const reign = this.#led.get(run);
    if (reign !== undefined) this.#stepDown(run, reign, String(error));
  }

  #stepDown(run: string, reign: number, message: string): void {
    if (this.#led.get(run) !== reign) return;
    this.#options.log({ event: 'leads-no-more', run, reign, message });
    this.#led.delete(run);
    this.leading.leave(run);
    if (this.#closing) return;
    void this.#leases.resign(run);
    this.#sayHere();
    void this.#read();
  }

  /** It needs no leader any more. */
  #endLease(run: string): void {
    this.#led.delete(run);
    void this.#leases.close(run);
  }

  #preside(presides: boolean): void {
    if (this.#closing) return;
    this.#options.log({ event: presides ? 'presides' : 'presides-no-more' });
    this.leading.preside(presides);
    this.#sayHere();
    this.#questions.routeAgain();
  }

  /** @returns whether it leads the run, which had no leader */
  async #take(run: string): Promise<boolean> {
    this.#awaited.add(run);
    this.#leases.open(run, true);
    const end = performance.now() + LEASE_WITHIN_MS;
    while (!this.#led.has(run) && performance.now() < end && !this.#closing) await sleep(LOOK_MS);
    // What it is taken for comes first.
    setTimeout(() => this.#awaited.delete(run), LEASE_WITHIN_MS).unref();
    return this.#led.has(run);
  }

  #openLeases(): void {
    for (const [run, state] of Object.entries(this.state.runs)) if (!isOver(state)) this.#leases.open(run);
  }

  /** What has ended is given up when all that was decided is written down and said. */
  async #closeLeases(): Promise<void> {
    const isEnded = (run: string): boolean => {
      const state = this.state.runs[run];
      return !this.#awaited.has(run) && (!state || isOver(state));
    };
    const ended = this.#leases.runs().filter(isEnded);
    if (ended.length === 0) return;
    await this.leading.settled();
    await this.leading.flush();
    for (const run of ended.filter(isEnded)) {
      const led = this.#led.delete(run);
      if (led) this.leading.leave(run);
      await this.#leases.close(run);
    }
  }

  #stored(run: StoredRun): void {
    const reign = this.#leases.reign(run.deployment.run);
    if (reign === undefined) return;
    this.#backbone.say({ kind: 'stored', reign, run });
    // The next run that is deployed goes by it.
    if (this.#load() !== this.#saidLoad) this.#sayHere();
  }

  #look(): void {
    for (const name of this.#present.silent()) this.#lose(name);
    this.#openLeases();
    this.#closeLeases().catch((error: unknown) =>
      this.#options.log({ event: 'lease-not-ended', message: String(error) }),
    );
    this.#sayHere();
    this.#questions.routeAgain();
    if (++this.#looks % READ_EVERY === 0) void this.#allotted();
  }

  #lose(from: string): void {
    this.#present.gone(from);
    this.#backbone.forget(from);
    this.#questions.gone(from);
  }

  /** Only where others are there: one that begins is told of all trainers. */
  #sayOfTrainers(word: Word): void {
    if (this.#present.all.length > 0) this.#backbone.say(word);
  }

  #shards(run: string): number {
    // One that is about to be deployed counts as well.
    return this.state.runs[run]?.deployment.shards ?? 1;
  }

  #load(): number {
    return this.led.reduce((sum, run) => sum + this.#shards(run), 0);
  }

  #here(): { readonly address: string; readonly pid: number; readonly load: number } {
    return { address: this.#options.address, pid: process.pid, load: this.#load() };
  }

  #sayHere(): void {
    if (this.#closing) return;
    const of = this.#mesh.reign === undefined ? {} : { reign: this.#mesh.reign };
    this.#saidLoad = this.#load();
    this.#backbone.say({ kind: 'here', ...this.#here(), runs: [...this.#led], ...of });
  }

  #missed(from: string): void {
    this.#options.log({ event: 'words-missed', from });
    if (this.#led.size > 0) this.#backbone.say({ kind: 'nack', to: from });
    void this.#read();
    this.#options.keysChanged();
  }

  async #allotted(): Promise<void> {
    try {
      await this.leading.allotted();
    } catch (error) {
      this.#options.log({ event: 'not-followed', message: String(error) });
    }
  }

  /** Runs as they are stored, and what trainers have been given. */
  async #read(): Promise<void> {
    try {
      await this.leading.follow();
    } catch (error) {
      this.#options.log({ event: 'not-followed', message: String(error) });
    }
  }

  #hear(from: string, word: Word): void {
    const { gateway } = this.#options;
    switch (word.kind) {
      case 'here':
        this.#heardOf(from, word);
        return;
      case 'gone':
        this.#lose(from);
        return;
      case 'said':
        if (word.to === undefined || word.to === this.self) this.trainers.said(from, word.key, word.message);
        return;
      case 'alive':
        this.leading.happen({ kind: 'alive', key: word.key, instance: word.instance });
        return;
      case 'disconnected':
        this.trainers.left(from, word.key);
        return;
      case 'measured':
        this.leading.measured(word.key, word.link);
        return;
      case 'drain':
        this.leading.happen({ kind: 'drain', name: word.name });
        return;
      case 'taken':
        this.leading.taken(word.key, word.message);
        return;
      case 'stored':
        this.#storedElsewhere(word.run, word.reign);
        return;
      case 'overtook':
        this.leading.happen({ kind: 'overtaken', run: word.run });
        return;
      case 'allotted':
        void this.#allotted();
        return;
      case 'send':
        if (word.run === undefined || this.#fence(word.run).admits(word.reign ?? 0))
          gateway.send(word.to, word.message);
        return;
      case 'dismiss':
        gateway.dismiss(word.key, word.reason);
        return;
      case 'nack':
        if (word.to === this.self) gateway.dismissAll(SAY_AGAIN);
        return;
      case 'keys':
        this.#options.keysChanged(word.entry);
        return;
      case 'removed':
        this.#options.removed(word.hash);
        return;
      case 'border':
        gateway.deliver(word.to, Buffer.from(word.packet, 'base64'));
        return;
      default:
        this.#questions.heard(from, word);
    }
  }

  #heardOf(from: string, word: Extract<Word, { kind: 'here' }>): void {
    const isNew = !this.#present.has(from);
    this.#gateways.add(word.address);
    // One that was stopped for a while still believes to lead what another one leads by now.
    const runs = word.runs.filter(([run, reign]) => this.#fence(run).admits(reign));
    const isOther = this.#present.here(from, { ...word, runs });
    for (const [run, reign] of runs) this.#ledElsewhere(run, reign);
    if (isNew) {
      this.#sayHere();
      this.trainers.tell(from);
    }
    if (isOther) this.#questions.routeAgain();
  }

  /** In a later reign than its own. */
  #ledElsewhere(run: string, reign: number): void {
    const own = this.#led.get(run);
    if (own !== undefined && reign > own) this.#stepDown(run, own, 'another synchronizer leads it');
  }

  #storedElsewhere(run: StoredRun, reign: number): void {
    const { run: name } = run.deployment;
    if (!this.#fence(name).admits(reign)) return;
    this.#ledElsewhere(name, reign);
    this.leading.stored(run);
    if (!isOver(run)) this.#leases.open(name);
  }
}
