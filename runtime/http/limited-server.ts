/** An HTTP server that no slow, silent or numerous client can hold: times, sizes and connections have limits. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { errorCode } from '../support/atomic.ts';
import { clientAddress } from './hosts.ts';
import { rawAnswer, unreadable } from './http-error.ts';

/** Certificate and key in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface ServerLimits {
  /** From the connection, or the end of the answer before, to the end of the headers. */
  readonly headersMilliseconds: number;
  /** To the end of the body. */
  readonly requestMilliseconds: number;
  /** Between two requests. */
  readonly idleMilliseconds: number;
  /** Without a byte in either direction, also while an answer is awaited or not read. */
  readonly silentMilliseconds: number;
  readonly connections: number;
  readonly connectionsPerClient: number;
}

export const SERVER_LIMITS: ServerLimits = {
  headersMilliseconds: 10_000,
  requestMilliseconds: 60_000,
  idleMilliseconds: 10_000,
  silentMilliseconds: 300_000,
  connections: 1024,
  connectionsPerClient: 256,
};

const MAX_HEADER_BYTES = 16 * 1024;

export function limitedServer(
  certificate: Certificate | undefined,
  limits: ServerLimits,
  listener?: RequestListener,
): Server {
  const options = {
    headersTimeout: limits.headersMilliseconds,
    requestTimeout: limits.requestMilliseconds,
    connectionsCheckingInterval: Math.min(1000, Math.ceil(limits.headersMilliseconds / 4)),
    keepAliveTimeout: limits.idleMilliseconds,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const server = certificate
    ? (createSecureServer(
        { ...options, ...certificate, handshakeTimeout: limits.headersMilliseconds },
        listener,
      ) as unknown as Server)
    : createServer(options, listener);
  server.timeout = limits.silentMilliseconds;
  server.maxConnections = limits.connections;
  // A connection that could not be accepted (no descriptors left) ends nothing else; who listens hears of it as well.
  server.on('error', () => undefined);
  limitEachClient(server, limits.connectionsPerClient);
  lingerOverUnread(server);
  // The reader of an announced body asks for it, once nothing can refuse it any more.
  if (listener) server.on('checkContinue', listener);
  return server;
}

/** From the answer to the end of a connection whose client may not read it. */
const FAREWELL_MILLISECONDS = 1000;

/**
 * To close a connection over bytes that were not read resets it, and a client that is still sending may lose the answer
 * which says why it was refused. So what it sends is thrown away for a moment, until it has heard.
 */
function lingerOverUnread(server: Server): void {
  const newest = new WeakMap<Socket, IncomingMessage>();
  const remember = (request: IncomingMessage): void => {
    const { socket } = request;
    if (!newest.has(socket)) {
      const close = socket.destroySoon.bind(socket);
      // Node closes a connection by it, behind its last answer.
      socket.destroySoon = () => {
        const last = newest.get(socket);
        if (last?.complete === false) farewell(socket, last);
        else close();
      };
    }
    newest.set(socket, request);
  };
  server.on('request', remember).on('checkContinue', remember);
}

function farewell(socket: Socket, request: IncomingMessage): void {
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MILLISECONDS);
  socket.once('close', () => clearTimeout(timer));
  socket.once('end', () => socket.destroy());
  socket.end();
  request.resume();
}

/**
 * Input that Node could not read as a request is answered, and its connection closed; where TLS failed nothing can be said.
 */
export function refuseConnection(error: Error, socket: Socket): void {
  const code = errorCode(error) ?? '';
  if (!socket.writable || !/^(HPE|ERR_HTTP)_/.test(code)) {
    socket.destroy();
    return;
  }
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MILLISECONDS);
  socket.once('close', () => clearTimeout(timer));
  socket.end(rawAnswer(unreadable(code)));
  socket.destroySoon();
}

/** Other clients keep room when one address opens as many connections as it can. */
function limitEachClient(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const client = clientAddress(socket.remoteAddress);
    const count = (open.get(client) ?? 0) + 1;
    if (count > most) {
      socket.destroy();
      return;
    }
    open.set(client, count);
    socket.once('close', () => {
      const left = (open.get(client) ?? 1) - 1;
      if (left > 0) open.set(client, left);
      else open.delete(client);
    });
  });
}
