/** Work of many clients in turn: one request of each, however many one has sent. */
import { busy, gone } from './read-body.ts';

export interface QueueLimits {
  /** Requests under way at once. */
  readonly width: number;
  readonly waiting: number;
  readonly waitingPerClient: number;
}

interface Entry {
  readonly start: () => void;
}

export class FairQueue {
  readonly #limits: QueueLimits;
  /** In the order of their turns. */
  readonly #clients = new Map<string, Set<Entry>>();
  #waiting = 0;
  #running = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** @param left its client has gone: what has not begun does not begin. @throws HttpError 503 `http/busy` */
  async run<T>(client: string, left: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#turn(client, left);
    try {
      return await work();
    } finally {
      this.#running--;
      this.#next();
    }
  }

  async #turn(client: string, left: AbortSignal): Promise<void> {
    if (left.aborted) throw gone();
    const { width, waiting, waitingPerClient } = this.#limits;
    if (this.#running < width) {
      this.#running++;
      return;
    }
    const own = this.#clients.get(client) ?? new Set<Entry>();
    if (own.size >= waitingPerClient) throw busy('this client has too many requests waiting');
    if (this.#waiting >= waiting) throw busy('too many requests are waiting');
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#drop(client, entry);
        reject(gone());
      };
      const entry: Entry = {
        start: () => {
          left.removeEventListener('abort', leave);
          resolve();
        },
      };
      left.addEventListener('abort', leave, { once: true });
      own.add(entry);
      this.#clients.set(client, own);
      this.#waiting++;
    });
  }

  #drop(client: string, entry: Entry): void {
    const own = this.#clients.get(client);
    if (!own?.delete(entry)) return;
    this.#waiting--;
    if (own.size === 0) this.#clients.delete(client);
  }

  #next(): void {
    const [turn] = this.#clients;
    if (!turn) return;
    const [client, own] = turn;
    const [entry] = own;
    // Behind all others, if it has more.
    this.#clients.delete(client);
    if (own.size > 1) this.#clients.set(client, own);
    if (!entry) return;
    own.delete(entry);
    this.#waiting--;
    this.#running++;
    entry.start();
  }
}
