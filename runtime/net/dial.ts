/** One connection to a gateway: handshake, signed messages, questions with answers, blobs. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { errorCode } from '../support/atomic.ts';
import { boundedCount } from '../support/bounded.ts';
import { EnvironmentError, RelayedCode, UserError } from '../support/errors.ts';
import { printable } from '../support/printable.ts';
import { Envelopes, MAX_MESSAGE_BYTES } from '../wire/envelope.ts';
import { hello, type Invite, MAX_HANDSHAKE_BYTES, prove, type Role } from '../wire/handshake.ts';
import { hex } from '../wire/hash.ts';
import type { Answer, Message, Question } from '../wire/messages.ts';
import { type HandshakeRefusal, handshakeWords } from '../wire/refusals.ts';
import { BLOB, BLOB_HEAD, BORDER, decodeHead, MAX_BINARY_BYTES } from '../wire/routing.ts';
import { type Address, addressText, addressUrl } from './address.ts';
import { BlobAssembly } from './blob-assembly.ts';
import { guarded } from './guarded.ts';
import { parsedJson } from './parsed-json.ts';
import { piecesOf, sendBlob } from './send-blob.ts';
import { closeReason, reasonText, SOCKET_LIMITS, setMaxPayload } from './socket-limits.ts';
import { EXPELLED } from './welcome.ts';

export interface DialOptions {
  readonly address: Address;
  readonly role: Role;
  readonly keys: KeyPair;
  /** The gateway's key, where it is known. */
  readonly pinned?: Uint8Array;
  readonly invite?: Invite;
  readonly onMessage?: (message: Message) => void;
  readonly onBorder?: (packet: Uint8Array) => void;
  /** Something of the other end was more than the handlers can take: the connection ends. */
  readonly caught?: (error: unknown) => void;
  /** Seconds without a word of the other end, which pings every second, after which the connection ends. */
  readonly silence?: number;
  /** Nothing but packets that are sealed already goes out behind the handshake: they look like chance without a mask. */
  readonly sealed?: boolean;
}

export interface Link {
  /** The gateway's key. */
  readonly peer: string;
  send(message: Message): void;
  /** @returns whether the socket took it */
  sendBorder(packet: Uint8Array): boolean;
  /** @throws UserError as the gateway answered; EnvironmentError `mesh/lost` */
  ask(question: Question): Promise<unknown>;
  /** Milliseconds there and back, of the connection alone: nobody thinks about it. */
  ping(): Promise<number>;
  /** @param most bytes that were agreed: a longer one is refused before there is room for it */
  getBlob(hash: string, most: number): Promise<Uint8Array>;
  putBlob(hash: string, bytes: Uint8Array): Promise<void>;
  /** Why it has ended. */
  readonly closed: Promise<string>;
  close(): void;
}

const HANDSHAKE_MILLISECONDS = 5000;
/** Questions that wait for their answers: a listener that never answers makes this end hold no more. */
const MAX_ASKED = 10_000;

/** Dropped without a word: where many come at once, the next attempt gets through. */
const ATTEMPTS = 4;
const BETWEEN_ATTEMPTS_MS = 100;
/** RFC 6455, 7.4.1: the connection ended without a close. */
const ABNORMAL = 1006;

class Dropped extends EnvironmentError {
  constructor(where: string) {
    super(
      'mesh/unreachable',
      `${where} closed the connection before it answered`,
      'try again: it may have many at once',
    );
  }
}

/** @throws EnvironmentError `mesh/unreachable`; UserError `mesh/key`, `mesh/version`, `mesh/refused`, `mesh/expelled` */
export async function dial(options: DialOptions): Promise<Link> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await dialOnce(options);
    } catch (error) {
      // A neighbour has a relay beside it, and is dialled again by itself.
      if (!(error instanceof Dropped) || attempt === ATTEMPTS || options.sealed === true) throw error;
      await sleep(attempt * BETWEEN_ATTEMPTS_MS);
    }
  }
}

function dialOnce(options: DialOptions): Promise<Link> {
  const socket = new WebSocket(addressUrl(options.address), {
    maxPayload: MAX_HANDSHAKE_BYTES,
    ...SOCKET_LIMITS,
    ...(options.sealed === true ? { generateMask: noMask } : {}),
  });
  const where = addressText(options.address);
  return new Promise<Link>((resolve, reject) => {
    const first = hello(options.role, options.keys, randomBytes(32));
    let proved: Exclude<ReturnType<typeof prove>, string> | undefined;
    const timer = setTimeout(
      () => fail(new EnvironmentError('mesh/unreachable', `${where} does not answer`)),
      HANDSHAKE_MILLISECONDS,
    );
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.removeAllListeners('message');
      socket.on('error', () => undefined);
      socket.terminate();
      reject(error);
    };
    const caught = (error: unknown): void =>
      fail(new EnvironmentError('mesh/unreachable', `${where} is not a gateway: ${printable(error)}`));
    socket.on('open', () => socket.send(JSON.stringify(first)));
    socket.once('error', (error) => {
      const repair = 'is the mesh up? nmc up starts one here';
      const dropped = errorCode(error) === 'ECONNRESET';
      fail(
        dropped ? new Dropped(where) : new EnvironmentError('mesh/unreachable', `nobody answers at ${where}`, repair),
      );
    });
    socket.once('close', (code, reason) => {
      const words = `${where} refused the connection: ${reasonText(reason) || 'no reason given'}`;
      if (code === ABNORMAL && reason.length === 0) fail(new Dropped(where));
      else fail(new UserError(code === EXPELLED ? 'mesh/expelled' : 'mesh/refused', words));
    });
    const onMessage = (data: unknown, binary: boolean): void => {
      const text = binary ? '' : String(data);
      if (text === '' || text.length > MAX_HANDSHAKE_BYTES) {
        fail(new UserError('mesh/refused', `${where} is not a gateway`));
        return;
      }
      if (proved) {
        // Let in: what was proved has been checked and is listed.
        clearTimeout(timer);
        socket.removeAllListeners();
        setMaxPayload(socket, options.sealed === true ? MAX_BINARY_BYTES : MAX_MESSAGE_BYTES + 1024);
        const { session } = proved;
        resolve(openLink(socket, options, new Envelopes(session, options.keys), keyText(session.peer)));
        return;
      }
      const answer = prove(first, parsedJson(text), options.keys, options.pinned, options.invite);
      if (typeof answer === 'string') {
        fail(refusalOf(where, answer, parsedJson(text), options.pinned));
        return;
      }
      proved = answer;
      socket.send(JSON.stringify(answer.proof));
    };
    socket.on('message', guarded({ end: () => socket.terminate(), caught }, onMessage));
  });
}

function refusalOf(where: string, code: HandshakeRefusal, answer: unknown, pinned?: Uint8Array): UserError {
  if (code === 'version')
    return new UserError(
      'mesh/version',
      `${where}: ${handshakeWords(code, answer)}`,
      'install the same release on both',
    );
  const { key } = (answer ?? {}) as { readonly key?: unknown };
  const words = code === 'another key' && pinned ? `it has the key ${printable(key)}, not ${keyText(pinned)}` : code;
  return new UserError('mesh/key', `${where}: ${words}`, 'is it the mesh you mean? --fingerprint KEY names it');
}

/** What a gateway says about a question that it does not answer. */
function answerError({ code, message, repair }: NonNullable<Answer['error']>): UserError {
  const words = repair === undefined ? undefined : printable(repair);
  return new UserError(new RelayedCode(printable(code, 60)), printable(message), words);
}

/** A mask guards against bytes that a stranger chose for a proxy to take for its own: a sealed packet holds none. */
export function noMask(mask: Buffer): void {
  mask.fill(0);
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A blob that was asked for; its place is made when its first chunk says how long it is. */
interface Incoming {
  readonly promise: Promise<Uint8Array>;
  readonly done: Waiting;
  /** Bytes. */
  most: number;
  assembly?: BlobAssembly;
}

function openLink(socket: WebSocket, options: DialOptions, envelopes: Envelopes, peer: string): Link {
  const questions = new Map<number, Waiting>();
  const blobs = new Map<string, Incoming>();
  const endWatch = watchSilence(socket, options.silence);
  let count = 0;
  let last = Promise.resolve();
  let end: (reason: string) => void = () => undefined;
  const closed = new Promise<string>((resolve) => {
    end = resolve;
  });
  const lost = (reason: string): EnvironmentError =>
    new EnvironmentError('mesh/lost', `the connection to the mesh ended: ${reason}`, 'try again when it is up');
  socket.on('error', () => undefined);
  socket.on('close', (_code, data) => {
    endWatch();
    const reason = reasonText(data) || 'closed by the other end';
    for (const { reject } of questions.values()) reject(lost(reason));
    for (const { done } of blobs.values()) done.reject(lost(reason));
    end(reason);
  });
  const guard = {
    end: () => socket.terminate(),
    caught: (error: unknown) => options.caught?.(error),
  };
  socket.on(
    'message',
    guarded(guard, (data: Buffer, binary: boolean) => {
      if (binary) takeBinary(data);
      else takeText(String(data));
    }),
  );
  const takeText = (text: string): void => {
    const message = envelopes.open(text);
    if (typeof message === 'string') {
      socket.close(4000, closeReason(`message refused: ${message}`));
      return;
    }
    if (message.type !== 'answer') {
      options.onMessage?.(message);
      return;
    }
    const waiting = questions.get(message.id);
    questions.delete(message.id);
    const { error } = message;
    if (error) waiting?.reject(answerError(error));
    else waiting?.resolve(message.answer);
  };
  const takeBinary = (bytes: Buffer): void => {
    if (bytes.length > MAX_BINARY_BYTES) return;
    const head = decodeHead(bytes);
    if (head?.kind === BORDER) options.onBorder?.(bytes);
    if (head?.kind !== BLOB) return;
    const hash = hex(head.hash);
    const blob = blobs.get(hash);
    if (!blob) return;
    try {
      blob.assembly ??= new BlobAssembly(hash, boundedCount(head.total, blob.most, `blob ${hash}`));
    } catch (error) {
      blobs.delete(hash);
      blob.done.reject(error as Error);
      return;
    }
    const problem = blob.assembly.add(head.offset, head.total, bytes.subarray(BLOB_HEAD));
    if (problem === undefined && !blob.assembly.complete) return;
    blobs.delete(hash);
    const whole = problem === undefined ? blob.assembly.finish() : undefined;
    if (whole) blob.done.resolve(whole);
    else
      blob.done.reject(
        new UserError(
          'mesh/blob-damaged',
          `blob ${hash}: ${problem ?? 'it is not what its name says'}`,
          'ask again: if it was part of a snapshot, the run goes on from the one before',
        ),
      );
  };
  const send = (message: Message): void => {
    if (socket.readyState === WebSocket.OPEN) socket.send(envelopes.seal(message));
  };
  const ask = (question: Question): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (socket.readyState !== WebSocket.OPEN) {
        reject(lost('it is closed'));
        return;
      }
      if (questions.size >= MAX_ASKED) {
        reject(lost('too many questions wait for their answers'));
        return;
      }
      const id = ++count;
      questions.set(id, { resolve, reject });
      send({ type: 'ask', id, ask: question });
    });
  const puts = new Map<string, Promise<void>>();
  const put = async (hash: string, bytes: Uint8Array): Promise<void> => {
    const stored = ask({ what: 'put', blob: hash, bytes: bytes.length });
    let wanted = true;
    stored.catch(() => {
      wanted = false;
    });
    // One after the other: chunks of two blobs never mix.
    const sent = last.then(() => sendBlob(socket, hash, piecesOf(bytes), () => wanted));
    last = sent.then(() => undefined);
    await sent;
    await stored;
  };
  return {
    peer,
    send,
    ask,
    sendBorder: (packet) => {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(packet);
      return true;
    },
    ping: () =>
      new Promise((resolve, reject) => {
        const began = performance.now();
        socket.once('pong', () => resolve(performance.now() - began));
        socket.ping(undefined, undefined, (error?: Error) => {
          if (error) reject(lost(error.message));
        });
      }),
    getBlob: (hash, most) => {
      const known = blobs.get(hash);
      if (known) {
        known.most = Math.max(known.most, most);
        return known.promise;
      }
      let done: Waiting | undefined;
      const promise = new Promise<Uint8Array>((resolve, reject) => {
        done = { resolve: resolve as (a: unknown) => void, reject };
      });
      promise.catch(() => undefined);
      if (done) blobs.set(hash, { promise, done, most });
      ask({ what: 'get', blob: hash }).catch((error: Error) => {
        blobs.delete(hash);
        done?.reject(error);
      });
      return promise;
    },
    putBlob: (hash, bytes) => {
      // Two shards may have the same state at once: it goes up once, and both hear when it is there.
      const known = puts.get(hash) ?? put(hash, bytes).finally(() => puts.delete(hash));
      puts.set(hash, known);
      return known;
    },
    closed,
    close: () => socket.close(1000, 'done'),
  };
}

/**
 * Ends a connection whose other end is silent. It counts its own seconds: where this process was held up itself, it has
 * not heard anybody either. @param seconds nothing: it waits for ever. @returns ends the watch
 */
export function watchSilence(socket: WebSocket, seconds: number | undefined): () => void {
  if (seconds === undefined) return () => undefined;
  let silent = 0;
  const heard = (): void => {
    silent = 0;
  };
  for (const sign of ['ping', 'pong', 'message'] as const) socket.on(sign, heard);
  const timer = setInterval(() => {
    if (++silent > seconds) socket.terminate();
  }, 1000);
  timer.unref();
  return () => clearInterval(timer);
}
