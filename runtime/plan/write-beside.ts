/**
 * Writes files in a thread of its own while this one makes those behind them: to create thousands of files takes the
 * disk seconds. This thread never yields while it compiles, so both wait for each other at counters that they share.
 */
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { EnvironmentError, RelayedCode, UserError } from '../support/errors.ts';
import type { SafePath } from '../support/safe-path.ts';
import { sharedCounters } from '../support/shared-counters.ts';
import type { Entry } from './new-files.ts';

/** Where in the shared counters what is. */
export const SHARED = { state: 0, done: 1, files: 2 } as const;
const SHARED_COUNT = 3;
/** `state`: the thread starts; takes batches; could not write; has ended. This thread says `stop`. */
export const STATE = { starting: 0, ready: 1, failed: 2, ended: 3, stop: 4 } as const;

/** Pieces of files, one after the other in one buffer. A file may go on in the next batch. */
export interface Batch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly pieces: readonly FilePiece[];
}

/** From the end of the piece before it to `until`. */
export interface FilePiece {
  readonly path: string;
  readonly begins: boolean;
  until: number;
  ends: boolean;
}

export interface Writing {
  readonly folder: string;
  readonly shared: Int32Array;
  readonly port: MessagePort;
}

/** What the thread tells: the files of a batch that it has finished, or why it could not go on. */
export type Told = { readonly entries: readonly Entry[] } | { readonly problem: Problem };

export interface Problem {
  readonly kind: 'user' | 'environment' | 'other';
  readonly code: string | undefined;
  readonly message: string;
  readonly repair: string | undefined;
}

const MAX_BATCH_BYTES = 1 << 20;
const MAX_BATCH_FILES = 64;
/** Batches on their way: so much memory more is needed than where one thread does all. */
const MAX_WAITING = 16;
/** A thread that writes no file for so long has ended without a word, as when its memory is full. */
const MAX_SILENCE_MILLISECONDS = 300_000;
/** From source there is nothing that a thread could load. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

export class WriteBeside {
  readonly #shared = sharedCounters(SHARED_COUNT);
  readonly #port: MessagePort;
  readonly #entries: Entry[] = [];
  #batch = emptyBatch();
  #filled = 0;
  #posted = 0;

  /** @returns nothing where there can be no thread */
  static into(folder: SafePath): WriteBeside | undefined {
    return FROM_SOURCE || availableParallelism() < 2 ? undefined : new WriteBeside(folder);
  }

  private constructor(folder: SafePath) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: Writing = { folder, shared: this.#shared, port: port2 };
    const worker = new Worker(new URL('./write-thread.js', import.meta.url), { workerData, transferList: [port2] });
    worker.unref();
    // Until it is ready, and where it never is, this thread writes by itself.
    worker.on('error', () => undefined);
  }

  get isReady(): boolean {
    return this.#state !== STATE.starting;
  }

  /** @throws UserError, EnvironmentError, or what the file system said to the thread about an earlier file */
  file(path: string, write: (sink: (piece: Uint8Array) => void) => void): void {
    if (this.#batch.pieces.length >= MAX_BATCH_FILES) this.#post();
    this.#begin(path, true);
    write((piece) => this.#add(path, piece));
    const last = this.#batch.pieces.at(-1);
    if (last) last.ends = true;
  }

  /** Waits for the files that are on their way. @returns their entries */
  end(): readonly Entry[] {
    this.#post();
    this.#waitFor(() => Atomics.load(this.#shared, SHARED.done) < this.#posted);
    Atomics.store(this.#shared, SHARED.state, STATE.ended);
    this.#port.close();
    return this.#entries;
  }

  /** Behind it nothing more is written. */
  abandon(): void {
    // One that has not started yet sees it then.
    if (Atomics.exchange(this.#shared, SHARED.state, STATE.stop) === STATE.ready) {
      this.#port.postMessage({ bytes: new Uint8Array(0), pieces: [] } satisfies Batch);
      Atomics.wait(this.#shared, SHARED.state, STATE.stop, MAX_SILENCE_MILLISECONDS);
    }
    this.#port.close();
  }

  get #state(): number {
    return Atomics.load(this.#shared, SHARED.state);
  }

  #begin(path: string, begins: boolean): void {
    this.#batch.pieces.push({ path, begins, until: this.#filled, ends: false });
  }

  #add(path: string, piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#filled === MAX_BATCH_BYTES) {
        this.#post();
        this.#begin(path, false);
      }
      const part = piece.subarray(at, at + MAX_BATCH_BYTES - this.#filled);
      this.#batch.bytes.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      (this.#batch.pieces.at(-1) as FilePiece).until = this.#filled;
    }
  }

  #post(): void {
    const { bytes, pieces } = this.#batch;
    this.#port.postMessage({ bytes, pieces } satisfies Batch, [bytes.buffer]);
    this.#posted += 1;
    this.#batch = emptyBatch();
    this.#filled = 0;
    this.#hear();
    this.#waitFor(() => this.#posted - Atomics.load(this.#shared, SHARED.done) >= MAX_WAITING);
  }

  #waitFor(isBehind: () => boolean): void {
    while (isBehind() && this.#state === STATE.ready) {
      const files = Atomics.load(this.#shared, SHARED.files);
      if (!isBehind()) break;
      const heard = Atomics.wait(this.#shared, SHARED.files, files, MAX_SILENCE_MILLISECONDS);
      if (heard === 'timed-out')
        throw new EnvironmentError('disk/failed', 'no file could be written for five minutes', 'check the disk');
    }
    this.#hear();
  }

  /** What the thread has told since. */
  #hear(): void {
    for (;;) {
      const message = receiveMessageOnPort(this.#port)?.message as Told | undefined;
      if (!message) return;
      if ('problem' in message) throw errorOf(message.problem);
      for (const entry of message.entries) this.#entries.push(entry);
    }
  }
}

function emptyBatch(): { readonly bytes: Uint8Array<ArrayBuffer>; readonly pieces: FilePiece[] } {
  return { bytes: new Uint8Array(MAX_BATCH_BYTES), pieces: [] };
}

/** As it was thrown in the thread. */
function errorOf({ kind, code = '', message, repair }: Problem): Error {
  if (kind === 'user') return new UserError(new RelayedCode(code), message, repair);
  if (kind === 'environment') return new EnvironmentError(new RelayedCode(code), message, repair);
  return Object.assign(new Error(message), code === '' ? {} : { code });
}
