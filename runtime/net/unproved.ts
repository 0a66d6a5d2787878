/**
 * Connections that have not proved a key yet: from the first packet of TCP on. They have a pool of their own, each
 * source a share of it and each connection a few seconds; when it is full the oldest of the source that has the most
 * goes. So clients with a key get through, however many others hold the rest.
 */
import type { Socket } from 'node:net';
import { clientAddress } from '../http/hosts.ts';

export interface UnprovedLimits {
  /** Connections at a time. */
  readonly unproved: number;
  /** Of one source. */
  readonly unprovedPerSource: number;
  /** Milliseconds from the first packet to the proof. */
  readonly unprovedMilliseconds: number;
}

interface Entry {
  readonly socket: Socket;
  readonly source: string;
  readonly timer: NodeJS.Timeout;
}

export class Unproved {
  readonly #limits: UnprovedLimits;
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(limits: UnprovedLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @returns whether another one had to go for it */
  enter(socket: Socket): boolean {
    const id = idOf(socket);
    const source = clientAddress(socket.remoteAddress);
    const full = this.#makeRoom(source);
    const timer = setTimeout(() => socket.destroy(), this.#limits.unprovedMilliseconds);
    timer.unref();
    this.#entries.set(id, { socket, source, timer });
    socket.once('close', () => {
      if (this.#entries.get(id)?.socket === socket) this.#forget(id);
    });
    return full;
  }

  /** It has proved its key. @param socket as the upgrade has it, encrypted or not */
  leave(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    this.#forget(idOf(socket));
  }

  #makeRoom(source: string): boolean {
    const counts = new Map<string, number>();
    for (const entry of this.#entries.values()) counts.set(entry.source, (counts.get(entry.source) ?? 0) + 1);
    const share = (counts.get(source) ?? 0) >= this.#limits.unprovedPerSource;
    if (!share && this.#entries.size < this.#limits.unproved) return false;
    const [most = source] = [...counts].reduce<[string, number]>((a, b) => (b[1] > a[1] ? b : a), [source, 0]);
    const from = share ? source : most;
    for (const [id, entry] of this.#entries) {
      if (entry.source !== from) continue;
      this.#forget(id);
      entry.socket.destroy();
      return true;
    }
    return false;
  }

  #forget(id: string): void {
    clearTimeout(this.#entries.get(id)?.timer);
    this.#entries.delete(id);
  }
}

/** An encrypted socket and the one below it have the same ends. */
function idOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}
