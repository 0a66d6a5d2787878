/**
 * The Host header, held against the names that a server has. A page elsewhere can let its own name point to this machine
 * (DNS rebinding) and then counts as the server's own page for a browser; its requests still carry its name.
 */
import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../support/loopback.ts';
import { HttpError } from './http-error.ts';

/** Listening on all addresses is not a name: the address that a connection came to is one. */
const EVERYWHERE: readonly string[] = ['', '0.0.0.0', '::'];

export class Hosts {
  readonly #names: ReadonlySet<string>;

  /** @param names that others know this server by: the address listened on, and what its user says */
  constructor(names: readonly string[]) {
    const known = names.map((name) => bareName(name) ?? '');
    this.#names = new Set(known.filter((name) => !EVERYWHERE.includes(name)));
  }

  /** @throws HttpError 421 `http/host` */
  check(request: IncomingMessage): void {
    const name = hostOf(request);
    if (name !== undefined && this.#has(name, request)) return;
    throw new HttpError(421, 'http/host', 'this server is not known by the name in the Host header', {
      repair: 'use its address, or start it with --host NAME',
      closes: true,
    });
  }

  #has(name: string, { socket }: IncomingMessage): boolean {
    return isLoopback(name) || this.#names.has(name) || name === plainAddress(socket.localAddress);
  }
}

/** Asked on this machine, and by a name of this machine: not through a proxy that others can reach. */
export function isLocal(request: IncomingMessage): boolean {
  const name = hostOf(request);
  const from = plainAddress(request.socket.remoteAddress);
  return name !== undefined && from !== undefined && isLoopback(name) && isLoopback(from);
}

/** Without its port; undefined where there is none, or several. */
export function hostOf(request: IncomingMessage): string | undefined {
  const given = request.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length;
  return given > 1 ? undefined : bareName(request.headers.host ?? '');
}

/** An IPv4 address that came over an IPv6 socket is still that address. */
export function plainAddress(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** Who counts as one client: an IPv4 address, or the 64 bits of IPv6 that one network hands to one customer. */
export function clientAddress(address: string | undefined): string {
  const plain = plainAddress(address) ?? 'nobody';
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('%')[0]?.split('::') ?? [];
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':');
}

function bareName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)|([0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2] ?? match?.[3])?.toLowerCase().replace(/\.$/, '');
}
