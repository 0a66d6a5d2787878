/** A trainer's process: the state machine with real devices, files and sockets behind its effects. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobCache } from '../backplane/blob-cache.ts';
import type { Device } from '../device/device.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { HEARTBEAT_MS } from '../roles/liveness.ts';
import {
  EMPTY_TRAINER,
  type ShardId,
  shardName,
  type TrainerEffect,
  type TrainerEvent,
  type TrainerState,
  trainer,
} from '../roles/trainer.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import type { Way } from '../wire/channel.ts';
import type { Invite } from '../wire/handshake.ts';
import type { Capability, Message, ShardReport } from '../wire/messages.ts';
import type { Refusal } from '../wire/refusals.ts';
import { BORDER, type BorderHead, decodeHead } from '../wire/routing.ts';
import type { Address } from './address.ts';
import { bringBlob } from './bring-blob.ts';
import { Commitments } from './commitments.ts';
import { dial } from './dial.ts';
import { DirectBorders } from './direct.ts';
import { fetchPlan, type PlanFetch } from './fetch-plan.ts';
import { caughtEvent, guarded } from './guarded.ts';
import type { Link } from './link.ts';
import { readDeployment } from './read-deployment.ts';
import { type BorderDispute, runTag } from './shard-borders.ts';
import type { BlobSource } from './shard-data.ts';
import { ShardHost } from './shard-host.ts';
import { MAX_RECORD_BYTES, MemoryLedger } from './shard-memory.ts';
import { type Meter, measured } from './shard-meter.ts';

export interface TrainerOptions {
  readonly address: Address;
  readonly keys: KeyPair;
  readonly pinned?: Uint8Array;
  readonly invite?: Invite;
  readonly name: string;
  /** Of the program. */
  readonly version?: string;
  readonly capability: Capability;
  readonly device: Device;
  readonly cache: Pick<BlobCache, 'get' | 'put'>;
  /** The shard's program and schedule, from the files of a plan, trusting none of them. */
  readonly openPlan: PlanFetch['openPlan'];
  /** Bytes that all shards may hold here. */
  readonly mostMemory?: number;
  /** Milliseconds of an emulated round trip of border packets between two trainers that both emulate it. */
  readonly delay?: number;
  /** Where neighbours can dial it; nothing: all borders go through the relay. */
  readonly listen?: Address;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}

/** The mesh is not there, or somebody else is. */
const AWAY: readonly string[] = ['mesh/refused', 'mesh/key', 'mesh/version'];
/** Between two attempts to connect. */
const RETRY_MILLISECONDS = 250;
/** While the mesh has no room for a part. */
const RETRY_FULL_MILLISECONDS = 5000;
const ROUND_TRIPS = 5;
/** On a new connection: the state machine says them itself, or the next ones are as good. */
const SAID_AGAIN: ReadonlySet<Message['type']> = new Set(['heartbeat', 'ready', 'dispute']);
/** A shard that waits for so long asks whether something was lost. */
const RESUME_MILLISECONDS = 2000;

export class TrainerNode {
  readonly #options: TrainerOptions;
  /** Drawn when the process begins. */
  readonly instance = randomBytes(8).toString('hex');
  readonly #hosts = new Map<string, ShardHost>();
  /** Opening and restoring of one shard, one after the other. */
  readonly #work = new Map<string, Promise<unknown>>();
  readonly #meters = new Map<string, Meter>();
  readonly #commitments = new Commitments();
  readonly #memory: MemoryLedger;
  readonly #queue: TrainerEvent[] = [];
  readonly #unsent: Message[] = [];
  #state: TrainerState = EMPTY_TRAINER;
  #link: Link | undefined;
  #direct: DirectBorders | undefined;
  #roundTrip: number | undefined;
  #handling = false;
  #stopped = false;
  #end: (reason: string) => void = () => undefined;

  constructor(options: TrainerOptions) {
    this.#options = options;
    this.#memory = new MemoryLedger(options.mostMemory);
  }

  /**
   * Works until it is dismissed or stopped; connects again by itself.
   * @throws UserError where the mesh refuses it; EnvironmentError where nobody answers at first
   */
  async run(): Promise<string> {
    const ended = new Promise<string>((resolve) => {
      this.#end = resolve;
    });
    await this.#listen();
    const timer = setInterval(() => this.#beat(), HEARTBEAT_MS);
    let connectedBefore = false;
    try {
      for (;;) {
        const link = await this.#connect(connectedBefore);
        if (link) {
          connectedBefore = true;
          this.#link = link;
          this.#introduce(link);
          if (this.#roundTrip === undefined) this.#measure(link).catch(() => undefined);
          this.#dispatch({ kind: 'connected' });
          for (const message of this.#unsent.splice(0)) link.send(message);
          const why = await Promise.race([link.closed.then((reason) => ({ reason })), ended]);
          this.#link = undefined;
          if (typeof why === 'string') {
            link.close();
            return why;
          }
          this.#options.log({ event: 'disconnected', reason: why.reason });
          this.#dispatch({ kind: 'disconnected' });
        }
        if (this.#stopped) return 'stopped';
        await sleep(RETRY_MILLISECONDS);
      }
    } finally {
      clearInterval(timer);
      this.#stopped = true;
      await Promise.allSettled([...this.#hosts.values()].map((host) => host.close()));
      await this.#direct?.close();
    }
  }

  async #listen(): Promise<void> {
    const { listen, keys, capability } = this.#options;
    if (!listen) return;
    this.#direct = await DirectBorders.open({
      keys,
      listen,
      machine: capability.machine,
      log: this.#options.log,
      onPacket: (from, head, packet) => this.#directBorder(from, head, packet),
      onChange: (key) => {
        for (const host of this.#hosts.values()) host.borders.reroute(key);
      },
    });
  }

  #introduce(link: Link): void {
    const { name, version } = this.#options;
    const known = version === undefined ? {} : { version };
    const roundTrip = this.#roundTrip === undefined ? {} : { roundTrip: this.#roundTrip };
    const capability = { ...this.#options.capability, ...roundTrip };
    link.send({ type: 'member', name, instance: this.instance, pid: process.pid, ...known, capability });
  }

  /** The way to the mesh and back, the quickest of some; then it says again what it is. */
  async #measure(link: Link): Promise<void> {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < ROUND_TRIPS; i++) {
      least = Math.min(least, await link.ping());
    }
    // Between two trainers a frame goes half of each one's way to the mesh: so does what is emulated.
    this.#roundTrip = least + (this.#options.delay ?? 0) / 2;
    if (this.#link === link) this.#introduce(link);
  }

  stop(): void {
    this.#stopped = true;
    this.#end('stopped');
  }

  leave(): void {
    this.#send({ type: 'leave' });
  }

  async #connect(before: boolean): Promise<Link | undefined> {
    const { address, keys, pinned, invite } = this.#options;
    try {
      return await dial({
        address,
        role: 'trainer',
        keys,
        ...(pinned ? { pinned } : {}),
        ...(invite ? { invite } : {}),
        onMessage: (message) => {
          if (message.type === 'admitted' && message.name !== this.#options.name)
            this.#options.log({ event: 'named', name: message.name });
          this.#dispatch({ kind: 'message', message });
        },
        onBorder: (packet) => this.#delayed(() => this.#border(packet, 'relay')),
        caught: (error) => this.#options.log(caughtEvent('dial', error)),
      });
    } catch (error) {
      const away =
        // Once it knows the mesh, whoever answers in its place does not end it.
        error instanceof EnvironmentError || (error instanceof UserError && AWAY.includes(error.code));
      if (before && away) return undefined;
      throw error;
    }
  }

  #dispatch(event: TrainerEvent): void {
    this.#queue.push(event);
    if (this.#handling) return;
    this.#handling = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        const step = trainer(this.#state, next);
        this.#state = step.state;
        for (const effect of step.effects) this.#carryOut(effect);
      }
    } finally {
      this.#handling = false;
    }
  }

  #carryOut(effect: TrainerEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#tell(effect.message);
        return;
      case 'leave':
        this.#end(effect.reason);
        return;
      case 'open':
        this.#inTurn(effect.at, () => this.#open(effect));
        return;
      case 'close':
        this.#inTurn(effect.at, () => this.#close(effect.at));
        return;
      default:
        this.#onHost(effect);
    }
  }

  #onHost(effect: Exclude<TrainerEffect, { readonly kind: 'send' | 'leave' | 'open' | 'close' }>): void {
    const { at } = effect;
    const host = this.#hosts.get(shardName(at));
    if (!host) return;
    switch (effect.kind) {
      case 'offer':
        this.#dispatch({ kind: 'offered', at, exchange: host.borders.offer() });
        break;
      case 'peers':
        host.borders.setPeers(effect.peers);
        this.#meetNeighbours();
        break;
      case 'begin':
        this.#attempt(at, () => host.begin(effect.number, effect.call));
        break;
      case 'advance':
        this.#inTurn(at, async () => this.#dispatch({ kind: 'advanced', at, outcome: await host.advance() }));
        break;
      case 'save':
        this.#inTurn(at, async () => {
          const { calls, last } = effect;
          const part = await host.save(calls, last);
          // What it has signed on the way comes before what is held against it.
          this.#sendCommits(at, host);
          this.#dispatch({ kind: 'saved', at, calls, part });
        });
        break;
      case 'forget':
        host.forget(effect.before);
        break;
    }
  }

  /** What a shard does takes its turn, so a new term begins when the old one's last work has ended. */
  #inTurn(at: ShardId, work: () => Promise<unknown>): void {
    const name = shardName(at);
    const done = (this.#work.get(name) ?? Promise.resolve())
      .then(work)
      .catch((error: unknown) => this.#fail(at, error));
    this.#work.set(name, done);
  }

  #attempt(at: ShardId, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(at, error);
    }
  }

  #fail(at: ShardId, error: unknown): void {
    if (!this.#hosts.has(shardName(at))) this.#memory.free(at);
    if (this.#stopped) return;
    const { code = 'internal', message } = error as { code?: string; message: string };
    this.#options.log({
      event: 'shard-failed',
      ...at,
      code,
      message,
      stack: error instanceof Error ? error.stack : undefined,
    });
    this.#dispatch({ kind: 'failed', at, code: String(code), reason: message });
  }

  #dispute(at: ShardId, { peer, call, what, evidence, reason }: BorderDispute): void {
    this.#options.log({ event: 'dispute', ...at, peer, call, what, reason });
    this.#dispatch({ kind: 'disputed', at, dispute: { peer, call, what, ...(evidence ? { evidence } : {}) } });
  }

  async #open({ at, deployment: hash, restore }: Extract<TrainerEffect, { readonly kind: 'open' }>): Promise<void> {
    if (!this.#isCurrent(at)) return;
    const name = shardName(at);
    const deployment = readDeployment(await this.#blob(hash, MAX_RECORD_BYTES), at.run);
    let host = this.#hosts.get(name);
    if (!host) {
      const blob: BlobSource = (wanted, most) => this.#blob(wanted, most);
      const plan = await fetchPlan(at, deployment, { ...this.#options, blob, ledger: this.#memory });
      const id = (): ShardId => {
        const { run, term, shard } = this.#state.shards[name] ?? at;
        return { run, term, shard };
      };
      host = await ShardHost.open(at.shard, deployment, plan, {
        device: this.#options.device,
        keys: this.#options.keys,
        blob,
        putBlob: (bytes) => this.#putBlob(bytes),
        carry: (packet, to) => this.#delayed(() => this.#carry(packet, to)),
        listen: this.#direct && { address: this.#direct.address, machine: this.#options.capability.machine },
        handOver: (to, frame, term) => this.#handOver(at.run, to, frame, term),
        news: () => this.#dispatch({ kind: 'news', at: id() }),
        dispute: (dispute) => this.#dispute(id(), dispute),
        now: () => performance.now(),
      });
      this.#hosts.set(name, host);
    }
    await host.restore(at.term, restore);
    this.#dispatch({ kind: 'opened', at, deployment, calls: restore?.calls ?? 0 });
  }

  async #close(at: ShardId): Promise<void> {
    const name = shardName(at);
    // It may have come back in a newer term meanwhile: then it stays loaded.
    if (this.#state.shards[name]) return;
    const host = this.#hosts.get(name);
    this.#hosts.delete(name);
    this.#meters.delete(name);
    this.#commitments.forget(name);
    this.#meetNeighbours();
    await host?.close();
    this.#memory.free(at);
  }

  #meetNeighbours(): void {
    this.#direct?.setNeighbours([...this.#hosts.values()].flatMap((host) => host.borders.owners));
  }

  /** Straight where there is a connection: what is lost when that ends goes out again through the relay. */
  #carry(packet: Uint8Array, to: string): void {
    if (!this.#direct?.send(to, packet)) this.#link?.sendBorder(packet);
  }

  /** @returns why it is refused */
  #directBorder(from: string, head: BorderHead, packet: Uint8Array): Refusal | undefined {
    // Of another term: it was on its way when things changed.
    const host = this.#hostOf(head);
    const owner = host?.borders.ownerOf(head.from);
    if (owner === undefined) return undefined;
    if (owner !== from) return 'border of another owner';
    this.#delayed(() => this.#border(packet, 'direct'));
    return undefined;
  }

  #isCurrent(at: ShardId): boolean {
    return this.#state.shards[shardName(at)]?.term === at.term;
  }

  #handOver(run: string, to: number, frame: Parameters<ShardHost['deliver']>[0], term: number): string | undefined {
    const host = this.#hosts.get(shardName({ run, shard: to }));
    const state = this.#state.shards[shardName({ run, shard: to })];
    // Two shards of one trainer come to a new term one after the other: a frame of the old one is nobody's.
    if (!host || !state || host.term !== term || state.term !== term) return undefined;
    const refusal = host.deliver(frame);
    if (refusal === undefined) this.#dispatch({ kind: 'news', at: { run, term: state.term, shard: to } });
    return refusal;
  }

  #border(packet: Uint8Array, way: Way): void {
    const head = decodeHead(packet);
    if (head?.kind === BORDER) this.#hostOf(head)?.receive(head.from, packet, way);
  }

  /** The shard that a border packet is for, if it is here and in that term. */
  #hostOf({ run, to, term }: BorderHead): ShardHost | undefined {
    const shard = Object.values(this.#state.shards).find(
      (s) => s.shard === to && s.term === term && s.phase !== 'loading' && Buffer.from(runTag(s.run)).equals(run),
    );
    return shard && this.#hosts.get(shardName(shard));
  }

  #delayed(work: () => void): void {
    const { delay = 0 } = this.#options;
    // A quarter of the round trip at each of the two ends of each of its two ways.
    // Behind a timer nobody else catches what a packet does.
    const caught = (error: unknown): void => this.#options.log(caughtEvent('delayed', error));
    if (delay > 0) setTimeout(guarded({ end: () => undefined, caught }, work), delay / 4);
    else work();
  }

  async #blob(hash: string, most: number): Promise<Uint8Array> {
    const { cache } = this.#options;
    for (;;) {
      const known = cache.get(hash, most);
      if (known) return known;
      const link = this.#link;
      try {
        if (link) {
          const bytes = await link.getBlob(hash, most);
          this.#keep(bytes);
          return bytes;
        }
      } catch (error) {
        if (!(error instanceof EnvironmentError)) throw error;
      }
      // The mesh is away: it will be back, and the blob with it.
      if (this.#stopped) throw new Error('stopped');
      await sleep(RETRY_MILLISECONDS);
    }
  }

  /** A cache that cannot be written costs a download, nothing else. */
  #keep(bytes: Uint8Array): void {
    try {
      this.#options.cache.put(bytes);
    } catch (error) {
      if (!(error instanceof EnvironmentError)) throw error;
      this.#options.log({ event: 'not-cached', code: error.code });
    }
  }

  #putBlob(bytes: Uint8Array): Promise<string> {
    return bringBlob(bytes, {
      link: () => this.#link,
      stopped: () => this.#stopped,
      log: this.#options.log,
      retry: RETRY_MILLISECONDS,
      retryFull: RETRY_FULL_MILLISECONDS,
    });
  }

  #tell(message: Message): void {
    if (message.type === 'part') {
      // A part says where its shard is: what was committed, and how it got there, is known before it.
      this.#beat();
      const commit = this.#commitments.before(message);
      if (commit) this.#send(commit);
    }
    this.#send(message);
  }

  /** What must arrive waits for the next connection; reports of the moment do not. */
  #send(message: Message): void {
    if (this.#link) this.#link.send(message);
    else if (!SAID_AGAIN.has(message.type)) this.#unsent.push(message);
  }

  #beat(): void {
    const now = performance.now();
    const shards: ShardReport[] = [];
    let refused = Object.values(this.#direct?.refused ?? {}).reduce((sum, n) => sum + n, 0);
    for (const shard of Object.values(this.#state.shards)) {
      const name = shardName(shard);
      const host = this.#hosts.get(name);
      if (!host) continue;
      refused += host.refused;
      const { report, meter } = measured(
        shard,
        host,
        this.#meters.get(name),
        now,
        (key) => this.#direct?.has(key) ?? false,
      );
      this.#meters.set(name, meter);
      if (shard.phase === 'waiting' && now - meter.since > RESUME_MILLISECONDS) host.borders.requestResume();
      shards.push(report);
      this.#sendCommits(shard, host);
    }
    this.#send({ type: 'heartbeat', shards, refused });
  }

  #sendCommits(at: ShardId, host: ShardHost): void {
    for (const commit of this.#commitments.take(at, host)) this.#send(commit);
  }
}
