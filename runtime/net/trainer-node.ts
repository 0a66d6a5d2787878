/** A trainer's process: the driver of its state machine with real devices, files and sockets behind its ports. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobSource } from '../backplane/backplane.ts';
import type { BlobCache } from '../backplane/blob-cache.ts';
import type { Device } from '../device/device.ts';
import { TrainerDriver } from '../driver/trainer-driver.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyBytes, keyText } from '../identity/key-text.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import type { Invite } from '../wire/handshake.ts';
import type { Capability } from '../wire/messages.ts';
import type { Refusal } from '../wire/refusals.ts';
import type { BorderHead } from '../wire/routing.ts';
import type { Address } from './address.ts';
import { ask } from './ask.ts';
import { BorderProbes } from './border-probes.ts';
import { type BlobContent, bringBlob } from './bring-blob.ts';
import { RecordBringer } from './bring-record.ts';
import { dial } from './dial.ts';
import { DirectBorders } from './direct.ts';
import type { PartsPort } from './disk-columns.ts';
import { EmulatedFaults } from './emulated-faults.ts';
import { type EmulatedLink, type Emulation, emulatedDirect, emulatedLink } from './emulated-socket.ts';
import type { PlanFetch } from './fetch-plan.ts';
import { caughtEvent } from './guarded.ts';
import { KnownGateways } from './known-gateways.ts';
import type { Link } from './link.ts';
import { answerProbes } from './probe-link.ts';
import type { RecordStore } from './records/record-store.ts';
import { classHash } from './records/stretch-log.ts';
import { Reproducer } from './reproducer.ts';
import { piecesOf } from './send-blob.ts';
import { MemoryLedger } from './shard-memory.ts';
import { StretchAuditor } from './stretch-auditor.ts';
import { type LoadedShard, TrainerHost } from './trainer-host.ts';
import { shardNews, type TrainerNews } from './trainer-news.ts';
import { SAY_AGAIN } from './welcome.ts';

export interface TrainerOptions {
  readonly address: Address;
  readonly keys: KeyPair;
  readonly pinned?: Uint8Array;
  /** In PEM; trusted beside the authorities of the system. */
  readonly certificate?: string;
  readonly invite?: Invite;
  readonly name: string;
  /** Of the program. */
  readonly version?: string;
  readonly capability: Capability;
  readonly device: Device;
  readonly cache: Pick<BlobCache, 'get' | 'put'> & Partial<Pick<BlobCache, 'readPieces' | 'writePieces' | 'readAt'>>;
  /** The shard's program and schedule, from the files of a plan, trusting none of them. */
  readonly openPlan: PlanFetch['openPlan'];
  /** Where records of stretches are kept; absent: nowhere. */
  readonly records?: RecordStore;
  /** Bytes that all shards may hold here. */
  readonly mostMemory?: number;
  /** A slower link than the real one. */
  readonly emulation?: Emulation;
  /** Where neighbours can dial it; nothing: all borders go through the relay. */
  readonly listen?: Address;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  readonly news?: TrainerNews;
  /** It is connected there now: a mesh may have several gateways. */
  readonly onConnected?: (gateway: Address) => void;
}

/** The mesh does not answer, or another program does. */
const AWAY: readonly string[] = ['mesh/refused', 'mesh/key', 'mesh/version'];
/** Between two attempts to connect. */
const RETRY_MILLISECONDS = 250;
/** Without a bound a trainer copies states of up to so many bytes for snapshots, so that their shards go on at once. */
const COPIED_BYTES = 256e6;
/** A shard sleeps so long for a frame before the mesh may hear that it waits: most frames come sooner. */
const ASLEEP_MS = 50;
/** While the mesh has no room for a part. */
const RETRY_FULL_MILLISECONDS = 5000;
const ROUND_TRIPS = 5;

export class TrainerNode {
  readonly #options: TrainerOptions;
  /** Drawn when the process begins. */
  readonly instance = randomBytes(8).toString('hex');
  readonly #driver: TrainerDriver<LoadedShard>;
  readonly #records: RecordBringer | undefined;
  readonly #auditor: StretchAuditor | undefined;
  readonly #emulated: { readonly emulated?: EmulatedLink };
  readonly #faults: EmulatedFaults | undefined;
  readonly #gateways: KnownGateways;
  /** Of the mesh, from the first connection on: all its gateways have it. */
  #pinned: Uint8Array | undefined;
  #link: Link | undefined;
  #direct: DirectBorders | undefined;
  #borderProbes: BorderProbes | undefined;
  #roundTrip: number | undefined;
  #mayProbe: () => void = () => undefined;
  #end: (reason: string) => void = () => undefined;

  constructor(options: TrainerOptions) {
    const { device, keys, openPlan, capability, log } = options;
    this.#options = options;
    this.#gateways = new KnownGateways(options.address);
    this.#pinned = options.pinned;
    this.#emulated = options.emulation ? { emulated: emulatedLink(options.emulation) } : {};
    this.#faults =
      options.emulation && new EmulatedFaults(options.emulation, Math.random, () => log({ event: 'emulated-damage' }));
    const now = (): number => performance.now();
    const ledger = new MemoryLedger(options.mostMemory);
    const blob = (hash: string, most: number): Promise<Uint8Array> => this.#blob(hash, most);
    const host = new TrainerHost({
      ...{ device, keys, openPlan, now, asleep: ASLEEP_MS },
      ...(options.mostMemory === undefined ? { largeStateBytes: COPIED_BYTES } : {}),
      ledger,
      ...(options.records ? { records: { store: options.records, version: options.version ?? '' } } : {}),
      blobs: {
        get: blob,
        put: (content) => this.#putBlob(content),
        read: (hash, most) => this.#readBlob(hash, most),
        parts: this.#parts(),
      },
      listen: () => this.#direct && { address: this.#direct.address, machine: capability.machine },
      isDirect: (key) => this.#direct?.has(key) ?? false,
    });
    this.#records =
      options.records &&
      new RecordBringer({
        store: options.records,
        synchronizer: () => this.#link?.peer,
        put: (content) => this.#putBlob(content),
        say: (message) => this.#link?.send(message),
        reproducer: new Reproducer({ store: options.records, device, blob, openPlan, ledger }),
        log,
      });
    this.#auditor =
      options.records &&
      new StretchAuditor({
        ...{ key: keyText(keys.publicKey), version: options.version ?? '', device, blob, openPlan, ledger, log },
        synchronizer: () => this.#link?.peer,
        say: (message) => this.#link?.send(message),
      });
    this.#driver = new TrainerDriver({
      link: {
        send: (message) => {
          if (message.type === 'heartbeat') options.news?.shards(shardNews(message.shards, this.#driver.state));
          this.#link?.send(message);
        },
        carry: (packet, to, left) => this.#carry(packet, to, left),
        meet: (neighbours) => this.#direct?.setNeighbours(neighbours),
        refused: () => Object.values(this.#direct?.refused ?? {}).reduce((sum, n) => sum + n, 0),
        leave: (reason) => this.#end(reason),
      },
      clock: { now, every },
      ...{ host, log },
    });
  }

  /**
   * Works until it is dismissed or stopped; connects again by itself.
   * @throws UserError where the mesh refuses it; EnvironmentError where there is no answer at first
   */
  async run(): Promise<string> {
    const ended = new Promise<string>((resolve) => {
      this.#end = resolve;
    });
    await this.#listen();
    this.#driver.start();
    let connectedBefore = false;
    let failed = 0;
    try {
      for (;;) {
        const link = await Promise.race([this.#connect(connectedBefore), ended]);
        if (typeof link === 'string') return link;
        if (link) {
          connectedBefore = true;
          failed = 0;
          this.#link = link;
          this.#pinned ??= keyBytes(link.peer);
          this.#options.onConnected?.(this.#gateways.current);
          this.#introduce(link);
          if (this.#roundTrip === undefined) this.#measure(link).catch(() => undefined);
          this.#probed(link);
          this.#driver.connected();
          const why = await Promise.race([link.closed.then((reason) => ({ reason })), ended]);
          this.#link = undefined;
          if (typeof why === 'string') {
            link.close();
            return why;
          }
          this.#options.log({ event: 'disconnected', reason: why.reason });
          this.#options.news?.away(why.reason);
          this.#driver.disconnected();
          this.#auditor?.disconnected();
          if (why.reason !== SAY_AGAIN) this.#gateways.next();
        } else {
          this.#gateways.next();
          // All of them are tried before it rests.
          if (++failed % this.#gateways.count !== 0 && !this.#driver.stopped) continue;
        }
        if (this.#driver.stopped) return 'stopped';
        const left = await Promise.race([sleep(RETRY_MILLISECONDS), ended]);
        if (typeof left === 'string') return left;
      }
    } finally {
      this.#driver.stop();
      await Promise.allSettled(this.#driver.shards.map((shard) => shard.close()));
      this.#borderProbes?.stop();
      await this.#direct?.close();
    }
  }

  async #listen(): Promise<void> {
    const { listen, keys, capability, emulation } = this.#options;
    const { emulated } = this.#emulated;
    if (!listen) return;
    this.#direct = await DirectBorders.open({
      keys,
      listen,
      machine: capability.machine,
      ...(emulation && emulated ? { emulated: emulatedDirect(emulation, emulated) } : {}),
      log: this.#options.log,
      onPacket: (from, head, packet) => this.#directBorder(from, head, packet),
      onProbe: (from, head, bytes) => this.#borderProbes?.take(from, head, bytes),
      onChange: (key) => {
        this.#borderProbes?.changed(key);
        for (const shard of this.#driver.shards) shard.reroute(key);
      },
    });
    this.#borderProbes = new BorderProbes({
      own: keyText(keys.publicKey),
      connections: this.#direct,
      idle: () => this.#driver.shards.length === 0,
      say: (message) => this.#link?.send(message),
    });
  }

  #introduce(link: Link): void {
    const { name, version, device } = this.#options;
    const auditor = classHash(device, version ?? '');
    const keeps = this.#records ? ({ records: true, audits: true, again: true, auditor } as const) : {};
    const known = version === undefined ? {} : { version };
    const roundTrip = this.#roundTrip === undefined ? {} : { roundTrip: this.#roundTrip };
    const capability = { ...this.#options.capability, ...roundTrip };
    const listen = this.#direct ? { listen: this.#direct.address } : {};
    link.send({
      type: 'member',
      name,
      instance: this.instance,
      pid: process.pid,
      ...known,
      capability,
      ...keeps,
      ...listen,
    });
  }

  /** From when the mesh has said that it measures links. */
  #probed(link: Link): void {
    this.#mayProbe = () => {
      this.#mayProbe = () => undefined;
      const idle = (): boolean => this.#driver.shards.length === 0;
      // Its link ends, or the mesh answers something else: then nothing is measured until it connects again.
      answerProbes({ link, idle, ended: () => this.#link !== link }).catch(() => undefined);
    };
  }

  /** The way to the mesh and back, the quickest of some; then it says again what it is. */
  async #measure(link: Link): Promise<void> {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < ROUND_TRIPS; i++) {
      const began = performance.now();
      const heard = await link.ping();
      if (heard === undefined) return;
      least = Math.min(least, heard - began);
    }
    this.#roundTrip = least;
    if (this.#link === link) this.#introduce(link);
  }

  stop(): void {
    this.#driver.stop();
    this.#end('stopped');
  }

  leave(): void {
    this.#driver.leave();
  }

  async #connect(before: boolean): Promise<Link | undefined> {
    const { keys, certificate, version, invite } = this.#options;
    try {
      return await dial({
        address: this.#gateways.current,
        role: 'trainer',
        keys,
        ...(this.#pinned ? { pinned: this.#pinned } : {}),
        ...(certificate === undefined ? {} : { certificate }),
        ...(version === undefined ? {} : { version }),
        ...(invite ? { invite } : {}),
        onMessage: (message) => {
          if (message.type === 'admitted' && message.probes === true) this.#mayProbe();
          if (message.type === 'admitted') this.#admitted(message.name);
          if (message.type === 'admitted') this.#gateways.learn(message.gateways ?? []);
          if (message.type === 'wanted') this.#records?.wanted(message.ticket, message.again);
          else if (message.type === 'audit') this.#auditor?.asked(message);
          else if (message.type === 'mismatch') this.#options.log({ ...message, event: 'mismatch' });
          else if (message.type === 'measure') this.#borderProbes?.measure(message);
          else this.#driver.hear(message);
        },
        ...this.#emulated,
        onBorder: (packet) => this.#driver.receive(packet, 'relay'),
        caught: (error) => this.#options.log(caughtEvent('dial', error)),
      });
    } catch (error) {
      const away =
        // Once it knows the mesh, another program in its place does not end it.
        error instanceof EnvironmentError || (error instanceof UserError && AWAY.includes(error.code));
      if (before && away) {
        // A mesh that came back as another version, or with another key, is not there for this trainer.
        if (error instanceof UserError) this.#options.news?.away(error.message);
        return undefined;
      }
      throw error;
    }
  }

  #admitted(name: string): void {
    if (name !== this.#options.name) this.#options.log({ event: 'named', name });
    this.#options.news?.admitted(name, this.#link?.peer ?? '');
    if (this.#link && this.#options.news) this.#askVersions(this.#link, this.#options.news);
  }

  #askVersions(link: Link, news: TrainerNews): void {
    ask(link, { what: 'status' }).then(
      ({ synchronizer }) => news.versions(synchronizer?.version, synchronizer?.wire),
      // It is away again, or says nothing of the kind.
      () => undefined,
    );
  }

  /** Straight where there is a connection: what is lost when that ends goes out again through the relay. */
  #carry(packet: Uint8Array, to: string, left?: () => void): void {
    // An emulated line holds what has been written for a while.
    const done = this.#emulated.emulated ? undefined : left;
    const faults = this.#faults;
    if (this.#direct?.send(to, faults?.direct(packet) ?? packet, done)) return;
    const relayed = faults ? faults.relayed(packet) : packet;
    if (relayed) this.#link?.sendBorder(relayed, done);
  }

  /** @returns why it is refused */
  #directBorder(from: string, head: BorderHead, packet: Uint8Array): Refusal | undefined {
    // Of another term: it was on its way when things changed.
    const shard = this.#driver.shardOf(head);
    const owner = shard?.ownerOf(head.from);
    if (!shard || owner === undefined) return undefined;
    if (owner !== from) return 'border of another owner';
    shard.receive(head.from, packet, 'direct');
    return undefined;
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
      if (this.#driver.stopped) throw new Error('stopped');
      await sleep(RETRY_MILLISECONDS);
    }
  }

  /** By way of the disk, from where it is read in pieces: no room for it is counted in memory. */
  async #readBlob(hash: string, most: number): Promise<BlobSource> {
    const { cache } = this.#options;
    const { readPieces: read, writePieces: write } = cache;
    if (!read || !write) return inMemory(await this.#blob(hash, most));
    for (let wait = RETRY_MILLISECONDS; ; await sleep(wait)) {
      const known = await read.call(cache, hash);
      if (known) return known;
      try {
        if (this.#link) {
          await this.#link.getBlobInto(hash, most, (bytes) => write.call(cache, hash, bytes));
          wait = 0;
        }
      } catch (error) {
        if (!(error instanceof EnvironmentError)) throw error;
        const isFull = error.code.startsWith('disk/');
        if (isFull && wait !== RETRY_FULL_MILLISECONDS) this.#options.log({ event: 'not-cached', code: error.code });
        wait = isFull ? RETRY_FULL_MILLISECONDS : RETRY_MILLISECONDS;
      }
      if (this.#driver.stopped) throw new Error('stopped');
    }
  }

  /** Columns on the disk of this trainer; nothing where its cache does not give them in parts. */
  #parts(): PartsPort | undefined {
    const { cache } = this.#options;
    const { readAt } = cache;
    if (!readAt || !cache.readPieces || !cache.writePieces) return undefined;
    /** Read whole once, and found to have their hash. */
    const sound = new Set<string>();
    const read: PartsPort['read'] = (blob, reads) => {
      const isHere = readAt.call(cache, blob, reads);
      if (!isHere) sound.delete(blob);
      return isHere;
    };
    const bring: PartsPort['bring'] = async ({ blob, bytes }) => {
      while (!(sound.has(blob) && read(blob, []))) {
        const source = await this.#readBlob(blob, bytes);
        try {
          if (source.bytes !== bytes) throw new Error(`blob ${blob} has ${source.bytes} bytes, not ${bytes}`);
          while (await source.next());
        } finally {
          await source.close();
        }
        // A damaged one is gone by now.
        if (readAt.call(cache, blob, [])) sound.add(blob);
      }
    };
    return { bring, read };
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

  #putBlob(content: BlobContent): Promise<string> {
    return bringBlob(content, {
      link: () => this.#link,
      stopped: () => this.#driver.stopped,
      log: this.#options.log,
      retry: RETRY_MILLISECONDS,
      retryFull: RETRY_FULL_MILLISECONDS,
    });
  }
}

function inMemory(bytes: Uint8Array): BlobSource {
  return { ...piecesOf(bytes), close: async () => undefined };
}

function every(milliseconds: number, what: () => void): () => void {
  const timer = setInterval(what, milliseconds);
  return () => clearInterval(timer);
}
