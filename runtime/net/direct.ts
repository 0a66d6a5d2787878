/**
 * Borders straight between two trainers, where one can dial the other. Only owners of neighbouring shards are let in,
 * by the handshake of the gateway; only border packets go through, sealed as they are for the relay. It does not look
 * into packets: where there is no connection, or it breaks, packets take the relay again.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebSocket } from 'ws';
import type { Neighbour } from '../driver/ports.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyBytes, keyText } from '../identity/key-text.ts';
import { listenError } from '../support/listen-error.ts';
import { isLoopback } from '../support/loopback.ts';
import { countRefusal, type Refusal, type RefusalCounts } from '../wire/refusals.ts';
import { BORDER, type BorderHead, decodeHead, MAX_BINARY_BYTES, PROBE, type ProbeHead } from '../wire/routing.ts';
import { type Address, addressText, parseAddress } from './address.ts';
import { answered } from './answered.ts';
import { dial } from './dial.ts';
import { type EmulatedLink, EmulatedSocket } from './emulated-socket.ts';
import { type DoorLimits, FrontDoor } from './front-door.ts';
import { caughtEvent, guarded } from './guarded.ts';
import { quickMessages } from './quick-messages.ts';
import { quickSend } from './quick-send.ts';
import { REQUEST_LIMITS } from './socket-limits.ts';
import { watchSilence } from './watch-silence.ts';

export interface DirectOptions {
  readonly keys: KeyPair;
  /** Where to listen, and where neighbours dial; port 0 draws one. */
  readonly listen: Address;
  readonly machine: string;
  /** A packet of a neighbour. @returns why it is refused, where it belongs to no border */
  readonly onPacket: (from: string, head: BorderHead, packet: Uint8Array) => Refusal | undefined;
  /** A packet of a probe, of a partner. @returns why it is refused, where it belongs to none */
  readonly onProbe?: (from: string, head: ProbeHead, bytes: number) => Refusal | undefined;
  /** The direct connection to this trainer was made, or ended. */
  readonly onChange: (key: string) => void;
  readonly doorLimits?: Partial<DoorLimits>;
  /** Of web pages that may connect. */
  readonly origins?: readonly string[];
  /** All connections go through these lines. */
  readonly emulated?: EmulatedLink;
  readonly log?: (event: Readonly<Record<string, unknown>>) => void;
}

/** Refused packets of one connection. */
const MAX_REFUSED = 32;
const DOOR: Partial<DoorLimits> = { arrivalsPerSecond: 20, arrivalsAtOnce: 256 };
const PING_MILLISECONDS = 1000;
const SILENT_SECONDS = 5;
/** Who is to be dialled by the other end is dialled by us after this. */
const OTHERS_TURN_MS = 3000;
const LISTEN_REPAIRS = { busy: 'use another --listen', address: 'it is what neighbours dial: --listen HOST:PORT' };
const [FIRST_RETRY, LAST_RETRY] = [250, 30_000];

interface Connection {
  /** Whether this end has dialled. */
  readonly ours: boolean;
  send(packet: Uint8Array, left?: () => void): boolean;
  ping(): Promise<number | undefined>;
  close(): void;
}

interface Dialling {
  at: number;
  wait: number;
  under: boolean;
}

export class DirectBorders {
  readonly refused: RefusalCounts = {};
  readonly #options: DirectOptions;
  readonly #own: string;
  readonly #server: Server;
  readonly #door: FrontDoor;
  readonly #connections = new Map<string, Connection>();
  readonly #dialling = new Map<string, Dialling>();
  #neighbours: ReadonlyMap<string, Neighbour> = new Map();
  /** The way to this trainer is measured: it is let in and dialled as a neighbour is. */
  #partner: Neighbour | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: DirectOptions, server: Server) {
    this.#options = options;
    this.#own = keyText(options.keys.publicKey);
    this.#server = server;
    const { emulated } = options;
    this.#door = new FrontDoor({
      keys: options.keys,
      inviteKey: () => undefined,
      refuse: (key, role) => (role === 'trainer' && this.#isKnown(key) ? undefined : { words: 'not a neighbour' }),
      unlisted: 'not a neighbour',
      origins: options.origins ?? [],
      limits: { ...DOOR, ...options.doorLimits },
      maxPayload: MAX_BINARY_BYTES,
      ...(emulated ? { over: (socket) => new EmulatedSocket(socket, emulated) } : {}),
      count: (code) => this.#count(code),
      open: (socket, _session, key) => this.#serve(socket, key),
      caught: (error) => this.#caught(error),
    });
    this.#door.attach(server);
    this.#timer = setInterval(() => this.#dialAll(), FIRST_RETRY);
    this.#timer.unref();
  }

  /** @throws EnvironmentError `port/busy`; UserError `port/address` */
  static async open(options: DirectOptions): Promise<DirectBorders> {
    const { host, port } = options.listen;
    const server = createServer(REQUEST_LIMITS, (_request, response) => response.writeHead(426).end());
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve);
      server.once('error', (error) => reject(listenError(error, host, port, LISTEN_REPAIRS)));
      server.listen(port, host);
    });
    return new DirectBorders(options, server);
  }

  /** The address that neighbours dial. */
  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    return addressText({ ...this.#options.listen, port });
  }

  /** Whose packets are let in, and who is dialled; others are let go. */
  setNeighbours(neighbours: readonly Neighbour[]): void {
    this.#neighbours = new Map(neighbours.map((n) => [n.key, n]));
    this.#review();
  }

  /** Nothing: no way is measured any more. */
  setPartner(partner: Neighbour | undefined): void {
    this.#partner = partner;
    this.#review();
  }

  #review(): void {
    for (const [key, connection] of this.#connections) if (!this.#isKnown(key)) connection.close();
    for (const key of this.#dialling.keys()) if (!this.#isKnown(key)) this.#dialling.delete(key);
    this.#dialAll();
  }

  #isKnown(key: string): boolean {
    return this.#neighbours.has(key) || this.#partner?.key === key;
  }

  has(key: string): boolean {
    return this.#connections.has(key);
  }

  /** @param left its memory may be used again @returns whether a direct connection took it */
  send(key: string, packet: Uint8Array, left?: () => void): boolean {
    return this.#connections.get(key)?.send(packet, left) ?? false;
  }

  /** @returns when the other end has answered on the direct connection; nothing: it does not, or there is none */
  ping(key: string): Promise<number | undefined> {
    return this.#connections.get(key)?.ping() ?? Promise.resolve(undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const connection of this.#connections.values()) connection.close();
    this.#door.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #dialAll(): void {
    const now = performance.now();
    const partner = this.#partner && !this.#neighbours.has(this.#partner.key) ? [this.#partner] : [];
    for (const neighbour of [...this.#neighbours.values(), ...partner]) {
      const { key } = neighbour;
      const address = this.#addressOf(neighbour);
      if (!address || this.#connections.has(key)) continue;
      // Of two who can dial each other one begins, so that there is one connection.
      const first = now + (this.#own < key ? 0 : OTHERS_TURN_MS);
      const dialling = this.#dialling.get(key) ?? { at: first, wait: FIRST_RETRY, under: false };
      this.#dialling.set(key, dialling);
      if (!dialling.under && now >= dialling.at) void this.#dial(key, address, dialling);
    }
  }

  #addressOf({ address, machine }: Neighbour): Address | undefined {
    if (address === undefined) return undefined;
    try {
      const parsed = parseAddress(address);
      return isLoopback(parsed.host) && machine !== this.#options.machine ? undefined : parsed;
    } catch {
      return undefined;
    }
  }

  async #dial(key: string, address: Address, dialling: Dialling): Promise<void> {
    dialling.under = true;
    let take = (_packet: Uint8Array): void => undefined;
    try {
      const pinned = keyBytes(key);
      if (!pinned) return;
      const { emulated } = this.#options;
      const link = await dial({
        address,
        role: 'trainer',
        keys: this.#options.keys,
        pinned,
        silence: SILENT_SECONDS,
        sealed: true,
        ...(emulated ? { emulated } : {}),
        onBorder: (packet) => take(packet),
        onProbe: (packet) => take(packet),
      });
      take = this.#taker(key, () => link.close());
      const connection: Connection = {
        ours: true,
        send: (p, left) => link.sendBorder(p, left),
        ping: () => link.ping(),
        close: () => link.close(),
      };
      void link.closed.then(() => this.#ended(key, connection));
      if (this.#opened(key, connection)) dialling.wait = FIRST_RETRY;
    } catch {
      // It cannot be dialled from here, or does not know us yet: the relay carries, and we ask again, ever less often.
    } finally {
      dialling.under = false;
      dialling.at = performance.now() + dialling.wait;
      dialling.wait = Math.min(LAST_RETRY, 2 * dialling.wait);
    }
  }

  #serve(socket: WebSocket, key: string): void {
    const take = this.#taker(key, () => socket.close(4003, 'refused'));
    const endWatch = watchSilence(socket, SILENT_SECONDS);
    const ping = setInterval(() => socket.ping(), PING_MILLISECONDS);
    const send = quickSend(socket);
    const connection: Connection = {
      ours: false,
      send: (packet, left) => {
        if (socket.readyState !== socket.OPEN) return false;
        send(packet, left);
        return true;
      },
      ping: () => answered(socket, () => performance.now()),
      close: () => socket.close(1000, 'done'),
    };
    socket.on('message', (data: Buffer, binary: boolean) => {
      // Nothing is said here in words.
      take(binary ? data : new Uint8Array(0));
    });
    socket.on('close', () => {
      clearInterval(ping);
      endWatch();
      this.#ended(key, connection);
    });
    quickMessages(socket, MAX_BINARY_BYTES);
    this.#opened(key, connection);
  }

  /** Of one connection; so many refused ones end it. */
  #taker(key: string, end: () => void): (packet: Uint8Array) => void {
    let refused = 0;
    return guarded({ end, caught: (error) => this.#caught(error) }, (packet: Uint8Array) => {
      const head = decodeHead(packet);
      const refusal = this.#refusalOf(key, head, packet);
      if (refusal === undefined) return;
      this.#count(refusal);
      if (++refused >= MAX_REFUSED) end();
    });
  }

  #refusalOf(key: string, head: ReturnType<typeof decodeHead>, packet: Uint8Array): Refusal | undefined {
    const { onPacket, onProbe } = this.#options;
    if (head?.kind === BORDER) return onPacket(key, head, packet);
    if (head?.kind === PROBE && onProbe) return onProbe(key, head, packet.length);
    return 'not a border packet';
  }

  /** Of two connections that cross, the one stays that the smaller key has dialled. @returns whether this one does */
  #opened(key: string, connection: Connection): boolean {
    const before = this.#connections.get(key);
    const preferred = connection.ours === this.#own < key;
    if (this.#closed || !this.#isKnown(key) || (before && before.ours !== connection.ours && !preferred)) {
      connection.close();
      return false;
    }
    this.#connections.set(key, connection);
    before?.close();
    this.#options.onChange(key);
    return true;
  }

  #ended(key: string, connection: Connection): void {
    if (this.#connections.get(key) !== connection) return;
    this.#connections.delete(key);
    if (!this.#closed) this.#options.onChange(key);
  }

  #count(reason: Refusal): void {
    countRefusal(this.refused, reason);
  }

  #caught(error: unknown): void {
    this.#count('internal');
    this.#options.log?.(caughtEvent('direct', error));
  }
}
