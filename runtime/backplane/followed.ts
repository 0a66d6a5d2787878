/**
 * A backplane of several synchronizers with this one's own copy of its streams: nothing is written to a stream that has
 * lost or changed what the copy has.
 */
import { randomUUID } from 'node:crypto';
import { EnvironmentError } from '../support/errors.ts';
import type { Backplane, ChainedRecord } from './backplane.ts';
import { BREAK_CODES, brokenAs } from './chain-errors.ts';
import { FORGOTTEN } from './own-keys.ts';
import type { StreamCopy } from './stream-copy.ts';
import { type OwnRecord, StreamFollower } from './stream-follower.ts';

/** To the copies of other synchronizers: this stream has a new record. */
const NEWS = 'stream-news';
/** To them: its first records were forgotten. */
const SHORTER = 'stream-forgotten';
const LOST = 'nats/lost';
/** What others have written is looked for so often, should their news be lost. */
const LOOK_EVERY_MS = 60_000;

export interface FollowOptions {
  /** Closed with the backplane. */
  readonly copy: StreamCopy;
  /** A stream is broken from now on: nothing more is written to it. */
  readonly onBroken: (error: EnvironmentError) => void;
  readonly pause?: () => Promise<unknown>;
}

export interface FollowedBackplane extends Backplane {
  /** When what was written until now is copied, as far as it can be. */
  copied(): Promise<void>;
}

export function followed(backplane: Backplane, options: FollowOptions): FollowedBackplane {
  const following = new Following(backplane, options);
  return {
    ...backplane,
    append: (stream, value) => following.append(stream, value),
    trim: (stream, before) => following.trim(stream, before),
    restore: (stream, records) => following.restore(stream, records),
    copied: () => following.copied(),
    close: async () => {
      await following.close();
      await backplane.close();
      options.copy.close();
    },
  };
}

class Following {
  readonly #backplane: Backplane;
  readonly #copy: StreamCopy;
  readonly #follower: StreamFollower;
  /** Streams whose copy has met the store since this process began. */
  readonly #met = new Set<string>();
  /** Before what this one says, which it needs not hear. */
  readonly #self = randomUUID();
  readonly #due = new Set<string>();
  /** What this process has appended, and is not copied yet. */
  readonly #own = new Map<string, OwnRecord[]>();
  readonly #timer: NodeJS.Timeout;
  readonly #listening: readonly (() => void)[];
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(backplane: Backplane, { copy, onBroken, pause }: FollowOptions) {
    this.#backplane = backplane;
    this.#copy = copy;
    this.#follower = new StreamFollower({
      source: backplane,
      copy,
      onBroken,
      forgotten: (stream) => this.#forgotten(stream),
      ...(pause === undefined ? {} : { pause }),
    });
    this.#listening = [
      this.#hear(NEWS, (stream) => this.soon(stream)),
      this.#hear(SHORTER, (stream) => void this.#shorten(stream).catch(() => undefined)),
    ];
    this.#timer = setInterval(() => void this.#lookAtAll(), LOOK_EVERY_MS);
    this.#timer.unref();
    this.#running = this.#compareAll();
  }

  async append(stream: string, value: string): Promise<number> {
    if (!this.#met.has(stream)) await this.#guarded(stream, () => this.#follower.catchUp(stream));
    this.#met.add(stream);
    this.#follower.assertSound(stream);
    const sequence = await this.#guarded(stream, () => this.#backplane.append(stream, value));
    await this.#follower.assertNew(stream, sequence, value);
    this.#written(stream, [{ sequence, value }]);
    return sequence;
  }

  async trim(stream: string, before: number): Promise<void> {
    this.#follower.assertSound(stream);
    await this.#say(stream, before);
    await this.#guarded(stream, () => this.#backplane.trim(stream, before));
    await this.#shorten(stream);
    this.#tell(SHORTER, stream);
  }

  async restore(stream: string, records: readonly ChainedRecord[]): Promise<void> {
    const [first] = records;
    if (first && first.sequence > 1 && this.#copy.head(stream).sequence === 0) await this.#say(stream, first.sequence);
    this.#follower.assertSound(stream);
    await this.#backplane.restore(stream, records);
    const last = records.at(-1);
    if (last) await this.#follower.assertNew(stream, last.sequence, last.value);
    this.#written(stream, records);
  }

  #written(stream: string, records: readonly OwnRecord[]): void {
    this.#own.set(stream, [...(this.#own.get(stream) ?? []), ...records]);
    this.soon(stream);
    this.#tell(NEWS, stream);
  }

  /** Who misses it looks by itself. */
  #tell(subject: string, stream: string): void {
    this.#backplane.publish(subject, `${this.#self} ${stream}`).catch(() => undefined);
  }

  #hear(subject: string, listener: (stream: string) => void): () => void {
    return this.#backplane.subscribe(subject, (message) => {
      const end = message.indexOf(' ');
      if (message.slice(0, end) !== this.#self) listener(message.slice(end + 1));
    });
  }

  /** Copied behind what is being copied now. */
  soon(stream: string): void {
    if (this.#closed) return;
    const idle = this.#due.size === 0;
    this.#due.add(stream);
    if (idle) this.#running = this.#running.then(() => this.#copyDue());
  }

  copied(): Promise<void> {
    return this.#running;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const end of this.#listening) end();
    await this.#running;
    this.#closed = true;
    await this.#running;
  }

  async #copyDue(): Promise<void> {
    for (const stream of this.#due) {
      this.#due.delete(stream);
      try {
        const own = this.#own.get(stream) ?? [];
        this.#own.delete(stream);
        if (this.#met.has(stream) && (await this.#follower.addOwn(stream, own))) continue;
        await this.#guarded(stream, () => this.#follower.catchUp(stream));
        this.#met.add(stream);
      } catch {
        // Of a store that is away, a later look will do; what is broken was told.
      }
    }
  }

  async #lookAtAll(): Promise<void> {
    for (const stream of await this.#all()) this.soon(stream);
  }

  /** What was copied by another process before may have been changed since. */
  async #compareAll(): Promise<void> {
    for (const stream of await this.#all()) {
      try {
        await this.#guarded(stream, async () => {
          await this.#follower.catchUp(stream);
          await this.#follower.compare(stream);
        });
      } catch {
        // As above.
      }
    }
  }

  async #all(): Promise<Set<string>> {
    const streams = await this.#backplane.streams().catch(() => []);
    return new Set([...streams, ...(await this.#copy.streams())]);
  }

  async #forgotten(stream: string): Promise<number> {
    return Number((await this.#backplane.get(FORGOTTEN + stream))?.value ?? 0);
  }

  async #shorten(stream: string): Promise<void> {
    this.#copy.trim(stream, await this.#forgotten(stream));
  }

  /** Before it is done: a copy that begins later finds why the first records are missing. */
  async #say(stream: string, before: number): Promise<void> {
    for (;;) {
      const entry = await this.#backplane.get(FORGOTTEN + stream);
      if (Number(entry?.value ?? 0) >= before) return;
      if ((await this.#backplane.put(FORGOTTEN + stream, String(before), entry?.revision ?? 0)) !== undefined) return;
    }
  }

  /** What the store finds itself counts as if the copy had found it. */
  async #guarded<T>(stream: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof EnvironmentError && [...BREAK_CODES, LOST].some((code) => code === error.code))
        throw this.#follower.break(stream, error.code === LOST ? brokenAs('chain/behind', error.message) : error);
      throw error;
    }
  }
}
