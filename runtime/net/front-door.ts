/**
 * The limits of a listening socket before a key is proved: how many connections, from where, from which pages, how
 * long, and how much memory each may use.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { MAX_HANDSHAKE_BYTES, type Session } from '../wire/handshake.ts';
import type { Refusal } from '../wire/refusals.ts';
import { Arrivals } from './arrivals.ts';
import { guarded } from './guarded.ts';
import { SOCKET_LIMITS, setMaxPayload } from './socket-limits.ts';
import { Unproved, type UnprovedLimits } from './unproved.ts';
import { type Welcoming, welcome } from './welcome.ts';

export interface DoorLimits extends UnprovedLimits {
  /** New connections of one source. */
  readonly arrivalsPerSecond: number;
  readonly arrivalsAtOnce: number;
}

export const DOOR_LIMITS: DoorLimits = {
  unproved: 128,
  unprovedPerSource: 64,
  unprovedMilliseconds: 8000,
  arrivalsPerSecond: 50,
  arrivalsAtOnce: 500,
};

export interface DoorOptions extends Pick<Welcoming, 'keys' | 'version' | 'inviteKey' | 'refuse' | 'unlisted'> {
  readonly limits?: Partial<DoorLimits>;
  /** Bytes of one message of those who are let in. */
  readonly maxPayload: number;
  /** Of web pages that may connect; others are refused; programs other than browsers send none. */
  readonly origins?: readonly string[];
  readonly count: (code: Refusal) => void;
  /** The stream that a connection is taken over, from its upgrade on: the socket itself unless given. */
  readonly over?: (socket: Socket) => Duplex;
  /** @returns whether there is a place for it */
  readonly enter?: (socket: WebSocket, session: Session, key: string) => boolean;
  readonly open: (socket: WebSocket, session: Session, key: string) => void;
  readonly caught: (error: unknown) => void;
}

export class FrontDoor {
  readonly #options: DoorOptions;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_HANDSHAKE_BYTES, ...SOCKET_LIMITS });
  readonly #unproved: Unproved;
  readonly #arrivals: Arrivals;
  #isShut = false;

  constructor(options: DoorOptions) {
    this.#options = options;
    const limits = { ...DOOR_LIMITS, ...options.limits };
    this.#unproved = new Unproved(limits);
    this.#arrivals = new Arrivals(limits.arrivalsPerSecond, limits.arrivalsAtOnce);
  }

  attach(server: Server): void {
    const { caught, count } = this.#options;
    server.on('connection', (socket: Socket) => {
      if (socket.destroyed) return;
      socket.on('error', () => undefined);
      // A machine that has gone without a word is noticed within a minute.
      socket.setKeepAlive(true, 30_000);
      if (!this.#arrivals.take(socket.remoteAddress, performance.now())) {
        count('too many connections at once');
        socket.destroy();
      } else if (this.#unproved.enter(socket)) count('too many connections');
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => undefined);
      guarded({ end: () => socket.destroy(), caught }, () => this.#upgrade(request, socket, head))();
    });
    // Behind the beginning, such as too many open files: those who are there stay.
    if (server.listening) server.on('error', caught);
    else server.once('listening', () => server.on('error', caught));
  }

  /** No new connection is admitted. */
  shut(): void {
    this.#isShut = true;
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Refused by an earlier check.
    if (socket.destroyed) return;
    if (this.#isShut) {
      socket.destroy();
      return;
    }
    const { origin } = request.headers;
    if (origin !== undefined && !this.#options.origins?.includes(origin)) {
      this.#options.count('a page of another origin');
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const { over } = this.#options;
    const taken = over ? over(request.socket) : socket;
    this.#sockets.handleUpgrade(request, taken, head, (connection) => this.#welcome(connection, request));
  }

  #welcome(socket: WebSocket, request: IncomingMessage): void {
    const { maxPayload, count, enter, open, caught, over: _over, ...who } = this.#options;
    welcome(socket, {
      ...who,
      caught,
      refused: (reason) => count(`handshake: ${reason}`),
      ...(enter ? { enter: (session, key) => enter(socket, session, key) } : {}),
      open: (session, key) => {
        this.#unproved.leave(request.socket);
        setMaxPayload(socket, maxPayload);
        open(socket, session, key);
      },
    });
  }
}
