/** A connection that a gateway has let in: signed messages, questions with answers, blobs. */
import type { WebSocket } from 'ws';
import type { BlobWriter } from '../backplane/blob-writer.ts';
import { EnvironmentError } from '../support/errors.ts';
import { freeNow } from '../support/free-now.ts';
import type { Envelopes } from '../wire/envelope.ts';
import { hex } from '../wire/hash.ts';
import type { Message, Question } from '../wire/messages.ts';
import { BLOB, BLOB_HEAD, BORDER, decodeHead, MAX_BINARY_BYTES, PROBE } from '../wire/routing.ts';
import { answered } from './answered.ts';
import { guarded } from './guarded.ts';
import { IncomingBlobs } from './incoming-blobs.ts';
import { Questions } from './questions.ts';
import { quickSend, type SendPacket } from './quick-send.ts';
import { type Pieces, piecesOf, sendBlob } from './send-blob.ts';
import { closeReason, reasonText } from './socket-limits.ts';
import { watchSilence } from './watch-silence.ts';

export interface LinkOptions {
  readonly onMessage?: (message: Message) => void;
  readonly onBorder?: (packet: Uint8Array) => void;
  /** Bytes of a probe, of the other trainer. */
  readonly onProbe?: (packet: Uint8Array) => void;
  /** Something of the other end was more than the handlers can take: the connection ends. */
  readonly caught?: (error: unknown) => void;
  /**
   * Nothing but packets that are sealed already goes over it behind the handshake: they look like chance without a mask.
   */
  readonly sealed?: boolean;
  /** Seconds without a word of the other end, which pings every second, after which the connection ends. */
  readonly silence?: number;
}

export interface Link {
  /** The gateway's key. */
  readonly peer: string;
  send(message: Message): void;
  /** @param left its memory may be used again @returns whether the socket took it */
  sendBorder(packet: Uint8Array, left?: () => void): boolean;
  /** @throws UserError as the gateway answered; EnvironmentError `mesh/lost` */
  ask(question: Question): Promise<unknown>;
  /** @returns when the other end has answered, of the connection alone, without any work behind it; nothing: it does not */
  ping(): Promise<number | undefined>;
  /** @param most bytes that were agreed: a longer one is refused before there is room for it */
  getBlob(hash: string, most: number): Promise<Uint8Array>;
  /**
   * Onto the disk, never in memory as a whole. It may be that another has asked for it first: then it need not be there.
   * @param open called when its length is known
   */
  getBlobInto(hash: string, most: number, open: (bytes: number) => BlobWriter): Promise<void>;
  /** @param content all of it, or what reads it from the beginning */
  putBlob(hash: string, content: Uint8Array | (() => Pieces)): Promise<void>;
  /** Why it has ended. */
  readonly closed: Promise<string>;
  close(): void;
}

export class GatewayLink implements Link {
  readonly peer: string;
  readonly closed: Promise<string>;
  readonly #socket: WebSocket;
  readonly #sendPacket: SendPacket;
  readonly #options: LinkOptions;
  readonly #envelopes: Envelopes;
  readonly #questions = new Questions();
  readonly #incoming = new IncomingBlobs();
  readonly #puts = new Map<string, Promise<void>>();
  /** Ends with the last blob that is on its way out. */
  #sent = Promise.resolve();

  /** @param peer the gateway's key */
  constructor(socket: WebSocket, options: LinkOptions, envelopes: Envelopes, peer: string) {
    this.peer = peer;
    this.#socket = socket;
    this.#sendPacket = options.sealed === true ? quickSend(socket) : (packet, left) => socket.send(packet, left);
    this.#options = options;
    this.#envelopes = envelopes;
    const endWatch = watchSilence(socket, options.silence);
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', (_code, data) => {
        endWatch();
        const reason = reasonText(data) || 'closed by the other end';
        this.#questions.rejectAll(lost(reason));
        this.#incoming.rejectAll(lost(reason));
        resolve(reason);
      });
    });
    const guard = { end: () => socket.terminate(), caught: (error: unknown) => options.caught?.(error) };
    const take = (data: Buffer, binary: boolean): void => {
      if (binary) this.#takeBinary(data);
      else this.#takeText(String(data));
    };
    socket.on('message', guarded(guard, take));
  }

  send(message: Message): void {
    if (this.#isOpen()) this.#socket.send(this.#envelopes.seal(message));
  }

  sendBorder(packet: Uint8Array, left?: () => void): boolean {
    if (!this.#isOpen()) return false;
    this.#sendPacket(packet, left);
    return true;
  }

  ask(question: Question): Promise<unknown> {
    if (!this.#isOpen()) return Promise.reject(lost('it is closed'));
    if (this.#questions.isFull()) return Promise.reject(lost('too many questions wait for their answers'));
    const { id, answer } = this.#questions.open();
    this.send({ type: 'ask', id, ask: question });
    return answer;
  }

  ping(): Promise<number | undefined> {
    return answered(this.#socket, () => performance.now());
  }

  getBlob(hash: string, most: number): Promise<Uint8Array> {
    const known = this.#incoming.widen(hash, most);
    if (known) return known;
    const blob = this.#incoming.expect(hash, most);
    this.ask({ what: 'get', blob: hash }).catch((error: Error) => this.#incoming.reject(hash, error));
    return blob;
  }

  async getBlobInto(hash: string, most: number, open: (bytes: number) => BlobWriter): Promise<void> {
    const known = this.#incoming.widen(hash, most);
    if (known) return void (await known);
    const blob = this.#incoming.expect(hash, most, open);
    this.ask({ what: 'get', blob: hash }).catch((error: Error) => this.#incoming.reject(hash, error));
    await blob;
  }

  putBlob(hash: string, content: Uint8Array | (() => Pieces)): Promise<void> {
    const pieces = content instanceof Uint8Array ? piecesOf(content) : content();
    // Two shards may have the same state at once: it goes up once, and both hear when it is there.
    const known = this.#puts.get(hash) ?? this.#put(hash, pieces).finally(() => this.#puts.delete(hash));
    this.#puts.set(hash, known);
    return known;
  }

  close(): void {
    this.#socket.close(1000, 'done');
  }

  #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #takeText(text: string): void {
    const message = this.#envelopes.open(text);
    if (typeof message === 'string') this.#socket.close(4000, closeReason(`message refused: ${message}`));
    else if (message.type === 'answer') this.#questions.settle(message);
    else this.#options.onMessage?.(message);
  }

  #takeBinary(bytes: Buffer): void {
    if (bytes.length > MAX_BINARY_BYTES) return;
    const head = decodeHead(bytes);
    if (head?.kind === BORDER) this.#options.onBorder?.(bytes);
    if (head?.kind === PROBE) this.#options.onProbe?.(bytes);
    if (head?.kind !== BLOB || this.#options.sealed === true) return;
    this.#incoming.add(hex(head.hash), head.offset, head.total, bytes.subarray(BLOB_HEAD));
    // It was copied, or written: a blob that is larger than the memory left would be garbage for longer than it may.
    if (bytes.length === bytes.buffer.byteLength) freeNow(bytes);
  }

  async #put(hash: string, pieces: Pieces): Promise<void> {
    const stored = this.ask({ what: 'put', blob: hash, bytes: pieces.bytes });
    let wanted = true;
    stored.catch(() => {
      wanted = false;
    });
    // One after the other: chunks of two blobs never mix.
    const sent = this.#sent.then(() => sendBlob(this.#socket, hash, pieces, () => wanted));
    this.#sent = sent.then(() => undefined);
    // What it is read from is no longer there: the other end forgets it with the next announcement.
    if (!(await sent) && wanted && this.#isOpen()) throw new Error('the blob ended before it was there');
    await stored;
  }
}

function lost(reason: string): EnvironmentError {
  return new EnvironmentError('mesh/lost', `the connection to the mesh ended: ${reason}`, 'try again when it is up');
}
