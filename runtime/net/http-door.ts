/**
 * The HTTP side of a synchronizer, beside its WebSocket:
 *
 *     GET /healthz   200 while it listens
 *     GET /metrics   for Prometheus; from elsewhere with a bearer token only
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkBearer, type Tokens } from '../http/bearer.ts';
import { type Hosts, isLocal } from '../http/hosts.ts';
import { errorBody, HARDENED, HttpError, rawAnswer } from '../http/http-error.ts';
import {
  type Certificate,
  limitedServer,
  refuseConnection,
  SERVER_LIMITS,
  type ServerLimits,
} from '../http/limited-server.ts';
import { listenError } from '../support/listen-error.ts';

export interface HttpDoorOptions {
  readonly hosts: Hosts;
  readonly certificate?: Certificate;
  readonly tokens?: Tokens;
  /** Text of `/metrics`. */
  readonly metrics: () => string;
  readonly limits?: ServerLimits;
}

/** Trainers of one machine share its address; how many WebSockets stay open is for the gateway to say. */
const LIMITS: ServerLimits = {
  ...SERVER_LIMITS,
  requestMilliseconds: SERVER_LIMITS.headersMilliseconds,
  connections: 4096,
  connectionsPerClient: 1024,
};

export class HttpDoor {
  readonly server: Server;
  readonly #options: HttpDoorOptions;

  constructor(options: HttpDoorOptions) {
    this.#options = options;
    this.server = limitedServer(options.certificate, options.limits ?? LIMITS, (request, response) =>
      this.#answer(request, response),
    );
    this.server.on('clientError', refuseConnection);
    this.server.on('upgrade', (request: IncomingMessage, socket: Duplex) => this.#checkUpgrade(request, socket));
  }

  /** @returns the port. @throws EnvironmentError `port/busy`, `port/denied`; UserError `port/address` */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      const repairs = { busy: 'use another --port, or stop that mesh' };
      this.server.once('error', (error) => reject(listenError(error, host, port, repairs)));
      this.server.listen(port, host, resolve);
    });
    return (this.server.address() as AddressInfo).port;
  }

  /** Slow senders cannot keep it open. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    try {
      const { type, body } = this.#page(request);
      send(response, 200, { 'content-type': type }, body);
    } catch (error) {
      const { status, headers, code, message, repair } =
        error instanceof HttpError ? error : new HttpError(500, 'internal', 'this is a bug in nmc');
      const body = `${JSON.stringify(errorBody(code, message, repair))}\n`;
      send(response, status, { ...headers, 'content-type': 'application/json' }, body);
    }
  }

  #page(request: IncomingMessage): { readonly type: string; readonly body: string } {
    const { hosts, tokens, metrics } = this.#options;
    hosts.check(request);
    checkBare(request);
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return { type: 'application/json', body: '{"ok":true}\n' };
      case '/metrics':
        if (tokens || !isLocal(request)) checkBearer(request.headers.authorization, tokens);
        return { type: 'text/plain; version=0.0.4; charset=utf-8', body: metrics() };
      default:
        throw new HttpError(404, 'http/path', 'this page does not exist', { repair: 'GET /healthz or /metrics' });
    }
  }

  /**
   * Browsers say whose page asks (`Origin`), and the name that they believe this machine has. Other programs may reach
   * it by any name: the handshake tells them who is here. Later listeners find the socket closed.
   */
  #checkUpgrade(request: IncomingMessage, socket: Duplex): void {
    if (request.headers.origin === undefined) return;
    try {
      this.#options.hosts.check(request);
    } catch (error) {
      if (error instanceof HttpError) socket.end(rawAnswer(error));
      socket.destroy();
    }
  }
}

function send(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, { ...HARDENED, ...headers, 'content-length': length }).end(body);
}

/** A GET without a body; nothing else is read here. */
function checkBare({ method, headers }: IncomingMessage): void {
  if (method !== 'GET')
    throw new HttpError(405, 'http/method', 'only GET is answered here', {
      repair: 'GET /healthz or /metrics',
      headers: { allow: 'GET' },
      closes: true,
    });
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
    throw new HttpError(413, 'http/large', 'a GET request has no body', {
      repair: 'send it without a body',
      closes: true,
    });
}
