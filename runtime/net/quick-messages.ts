/**
 * Binary messages of a connection that carries hardly anything else, taken out of its bytes before `ws` sees them: that
 * makes two arrays of each, and copies, which takes as long as to open what is in them. All else is left to `ws`: pings,
 * the close, messages in pieces or with a mask, and whatever is against the rules (RFC 6455, 5.2).
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { boundedCount, zeroedBytes } from '../support/bounded.ts';
import { readInto } from './read-into.ts';

/** The end of `ws` that takes bytes. */
interface Receiver {
  readonly _isServer: boolean;
  readonly _bufferedBytes: number;
  /** 0 between two frames. */
  readonly _state: number;
  /** It takes no more. */
  readonly _errored: boolean;
  write(chunk: Buffer): boolean;
}

const WHOLE_BINARY = 0x82;
const FINAL = 0x80;
const OPCODE = 0x0f;
const CONTROL = 0x08;
const MASKED = 0x80;
const MASK_BYTES = 4;
const LONGEST_HEAD = 14;

/**
 * From now on messages are read before the handler of `message` returns: their memory is used again.
 * @param most bytes of a message that is taken here
 */
export function quickMessages(socket: WebSocket, most: number): void {
  const { _receiver: receiver, _socket: stream } = socket as unknown as {
    readonly _receiver?: Receiver;
    readonly _socket?: Duplex;
  };
  if (receiver?._bufferedBytes === undefined || receiver._state === undefined || receiver._isServer === undefined)
    throw new Error('ws takes its bytes elsewhere');
  const leave = receiver.write.bind(receiver);
  const frames = new Frames({
    most,
    isMasked: receiver._isServer,
    // It keeps what has not come whole, and the memory is used again.
    leave: (bytes) => !receiver._errored && leave(Buffer.from(bytes)),
    take: (message) => {
      if (socket.readyState !== socket.CLOSED) socket.emit('message', message, true);
    },
  });
  let begun = false;
  receiver.write = (chunk) => {
    // What came with the last message of before has to go its way to the end.
    begun ||= receiver._bufferedBytes === 0 && receiver._state === 0;
    return begun ? frames.write(chunk) : leave(Buffer.from(chunk));
  };
  readInto(stream, roomFor(most + LONGEST_HEAD, most + LONGEST_HEAD));
}

interface FramesOptions {
  readonly most: number;
  /** A client masks what it sends, with zeros; a server does not. */
  readonly isMasked: boolean;
  readonly leave: (bytes: Buffer) => boolean;
  readonly take: (message: Buffer) => void;
}

class Frames {
  readonly #options: FramesOptions;
  readonly #head = Buffer.alloc(LONGEST_HEAD);
  #headBytes = 0;
  /** Of the frame under way: bytes that have not come; nothing while its head has not come whole. */
  #left: number | undefined;
  #isOurs = false;
  /** A message in pieces has begun, and not ended. */
  #inPieces = false;
  #message: Buffer = Buffer.alloc(0);
  #length = 0;

  constructor(options: FramesOptions) {
    this.#options = options;
  }

  /** @returns as `write` of a stream: whether it wants more at once */
  write(chunk: Buffer): boolean {
    let isFree = true;
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === undefined) {
        at += this.#readHead(chunk, at);
        if (this.#left === undefined) return isFree;
        if (!this.#isOurs) isFree = this.#options.leave(this.#head.subarray(0, this.#headBytes)) && isFree;
        this.#headBytes = 0;
      }
      const end = Math.min(chunk.length, at + this.#left);
      if (this.#isOurs) this.#add(chunk.subarray(at, end));
      else if (end > at) isFree = this.#options.leave(chunk.subarray(at, end)) && isFree;
      this.#left -= end - at;
      if (this.#left === 0) this.#left = undefined;
      at = end;
    }
    return isFree;
  }

  /** @returns how many bytes were of the head */
  #readHead(chunk: Buffer, from: number): number {
    let at = from;
    for (; at < chunk.length; at++) {
      this.#head[this.#headBytes++] = chunk[at] as number;
      if (this.#headBytes < headBytes(this.#head, this.#headBytes)) continue;
      this.#begin();
      return at + 1 - from;
    }
    return at - from;
  }

  #begin(): void {
    const [first, bytes] = [this.#head[0] as number, payloadBytes(this.#head)];
    const isWhole = first === WHOLE_BINARY && !this.#inPieces;
    const { most, isMasked } = this.#options;
    this.#isOurs = isWhole && bytes > 0 && bytes <= most && isPlain(this.#head, this.#headBytes, isMasked);
    if ((first & OPCODE) < CONTROL) this.#inPieces = (first & FINAL) === 0;
    this.#left = bytes;
    this.#length = bytes;
  }

  /** Copied only where it comes in several chunks. */
  #add(bytes: Buffer): void {
    const left = this.#left ?? 0;
    if (bytes.length === this.#length) {
      this.#options.take(bytes);
      return;
    }
    if (this.#message.length < this.#length) this.#message = roomFor(this.#length, this.#options.most);
    this.#message.set(bytes, this.#length - left);
    if (bytes.length === left) this.#options.take(this.#message.subarray(0, this.#length));
  }
}

function roomFor(bytes: number, most: number): Buffer {
  return Buffer.from(zeroedBytes(boundedCount(bytes, most, 'the bytes of a message')).buffer);
}

/** Of a head, as far as its first bytes say. */
function headBytes(head: Buffer, known: number): number {
  if (known < 2) return 2;
  const second = head[1] as number;
  const length = second & ~MASKED;
  return 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + ((second & MASKED) === 0 ? 0 : MASK_BYTES);
}

function payloadBytes(head: Buffer): number {
  const length = (head[1] as number) & ~MASKED;
  if (length === 126) return head.readUInt16BE(2);
  return length === 127 ? Number(head.readBigUInt64BE(2)) : length;
}

/** Its payload lies there as it is. */
function isPlain(head: Buffer, bytes: number, isMasked: boolean): boolean {
  const hasMask = ((head[1] as number) & MASKED) !== 0;
  return hasMask === isMasked && (!hasMask || head.readUInt32BE(bytes - MASK_BYTES) === 0);
}
