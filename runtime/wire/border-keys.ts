/**
 * Keys of a border (spec/wire.md, 5): both owners' ephemeral X25519 keys, each signed by its owner for one run, term
 * and shard; the secret and the transcript give one AES-256-GCM key for each direction.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { keyBytes, keyText } from '../identity/key-text.ts';
import { canonicalBytes, canonicalOf } from './canonical.ts';
import { fromHex, hex, sha256 } from './hash.ts';
import type { Exchange, Listen } from './messages.ts';
import { BORDER_HEAD } from './routing.ts';

const PUBLIC_HEAD = Buffer.from('302a300506032b656e032100', 'hex');
const PRIVATE_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex');
export const TAG_BYTES = 16;
const NONCE_BYTES = 12;

export interface Ephemeral {
  readonly secret: KeyObject;
  /** Counts its owner's keys for one shard: a newer one replaces all before it, for ever. */
  readonly number: number;
  /** Hexadecimal. */
  readonly exchange: string;
}

/** @param seed 32 random bytes; tests have others */
export function newEphemeral(number: number, seed: Uint8Array): Ephemeral {
  const secret = createPrivateKey({ key: Buffer.concat([PRIVATE_HEAD, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' });
  return { secret, number, exchange: hex(spki.subarray(PUBLIC_HEAD.length)) };
}

export interface Place {
  readonly run: string;
  readonly term: number;
}

export function signExchange(place: Place, shard: number, ephemeral: Ephemeral, keys: KeyPair): Exchange {
  const { exchange, number } = ephemeral;
  const key = keyText(keys.publicKey);
  const unsigned = { shard, key, number, exchange };
  const sig = hex(ed25519.sign(canonicalBytes(exchangeText(place, unsigned)), keys.secretKey));
  return { ...unsigned, sig };
}

export function exchangeHolds(place: Place, exchange: Exchange): boolean {
  const [publicKey, signature] = [keyBytes(exchange.key), fromHex(exchange.sig, 64)];
  if (!publicKey || !signature || !fromHex(exchange.exchange, 32) || !isNumber(exchange.number)) return false;
  const text = canonicalOf(exchangeText(place, exchange));
  return text !== undefined && ed25519.verify(text, signature, publicKey);
}

function isNumber(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * Of one shard in one term: the newest exchange counts, one that was replaced never again, even if it is replayed.
 * @param known the newest so far
 * @returns whether `told` may be used; it may be the known one
 */
export function isNewest(place: Place, known: Exchange | undefined, told: Exchange): boolean {
  if (known && (told.key !== known.key || told.number < known.number)) return false;
  if (known && told.number === known.number) return told.exchange === known.exchange;
  return exchangeHolds(place, told);
}

/** The exchange with the place where its owner can be dialled, signed for itself: older readers take it without. */
export function withListen(place: Place, exchange: Exchange, listen: Omit<Listen, 'sig'>, keys: KeyPair): Exchange {
  const sig = hex(ed25519.sign(canonicalBytes(listenText(place, exchange, listen)), keys.secretKey));
  return { ...exchange, listen: { address: listen.address, machine: listen.machine, sig } };
}

/** @returns where the owner can be dialled, if it says so itself */
export function listenOf(place: Place, exchange: Exchange): Omit<Listen, 'sig'> | undefined {
  const { key, listen } = exchange;
  const [publicKey, signature] = [keyBytes(key), fromHex(listen?.sig, 64)];
  if (!listen || !publicKey || !signature) return undefined;
  const text = canonicalOf(listenText(place, exchange, listen));
  return text && ed25519.verify(text, signature, publicKey) ? listen : undefined;
}

function listenText(place: Place, { shard, key }: Exchange, { address, machine }: Omit<Listen, 'sig'>): unknown {
  return ['nmc/listen/2', place.run, place.term, shard, key, address, machine];
}

function exchangeText({ run, term }: Place, { shard, key, number, exchange }: Omit<Exchange, 'sig'>): unknown {
  return ['nmc/exchange/2', run, term, shard, key, number, exchange];
}

/** One direction under one pair of ephemeral keys. */
export interface DirectionKey {
  /** @param message begins with the head, which is written; what is sealed, and its tag, are written behind it */
  seal(counter: number, message: Uint8Array, plain: Uint8Array): void;
  /** @returns nothing where head or text are not what was sealed */
  open(counter: number, head: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

export interface BorderKeys {
  /** First bytes of the transcript: packets under other keys are dropped unread. */
  readonly id: number;
  /** The whole transcript, hexadecimal. */
  readonly name: string;
  /** Of both ends' keys the numbers together: it grows with each of them that is new. */
  readonly order: number;
  readonly send: DirectionKey;
  readonly receive: DirectionKey;
}

/** What goes under the keys: packets that come exactly once, or those of replaceable slots. */
export type KeyUse = 'nmc/border/2' | 'nmc/slots/2';

/** What is not read any more may go at once. */
export type Free = (bytes: Uint8Array) => void;

/**
 * @param free called with memory that was sealed into, when it is copied: large ones are better not left as garbage
 * @returns nothing where the other's key is not a point that gives a secret
 */
export function borderKeys(
  place: Place,
  ephemeral: Ephemeral,
  own: Exchange,
  other: Exchange,
  use: KeyUse = 'nmc/border/2',
  free: Free = () => undefined,
): BorderKeys | undefined {
  const [lower, higher] = own.shard < other.shard ? [own, other] : [other, own];
  const transcript = sha256(canonicalBytes([use, place.run, place.term, bare(lower), bare(higher)]));
  let secret: Uint8Array;
  try {
    const key = Buffer.concat([PUBLIC_HEAD, fromHex(other.exchange, 32) ?? new Uint8Array(0)]);
    const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
    secret = diffieHellman({ privateKey: ephemeral.secret, publicKey });
  } catch {
    return undefined;
  }
  const direction = (from: number, to: number): DirectionKey =>
    directionKey(new Uint8Array(hkdfSync('sha256', secret, transcript, `${use}/${from}/${to}`, 32)), free);
  return {
    id: new DataView(transcript.buffer).getUint32(0, true),
    name: hex(transcript),
    order: own.number + other.number,
    send: direction(own.shard, other.shard),
    receive: direction(other.shard, own.shard),
  };
}

function bare({ shard, key, number, exchange }: Exchange): unknown {
  return { shard, key, number, exchange };
}

function directionKey(bytes: Uint8Array, free: Free): DirectionKey {
  const key = createSecretKey(bytes);
  const nonce = new Uint8Array(NONCE_BYTES);
  const view = new DataView(nonce.buffer);
  const nonceOf = (counter: number): Uint8Array => {
    view.setBigUint64(4, BigInt(counter));
    return nonce;
  };
  return {
    seal(counter, message, plain) {
      const cipher = createCipheriv('aes-256-gcm', key, nonceOf(counter)).setAAD(message.subarray(0, BORDER_HEAD));
      const sealed = cipher.update(plain);
      message.set(sealed, BORDER_HEAD);
      // As garbage it would take a third of the time of sealing once more.
      free(sealed);
      // In this mode nothing is left for the end.
      cipher.final();
      message.set(cipher.getAuthTag(), BORDER_HEAD + plain.length);
    },
    open(counter, head, sealed) {
      const end = sealed.length - TAG_BYTES;
      if (end < 0) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(counter), { authTagLength: TAG_BYTES });
      decipher.setAAD(head).setAuthTag(sealed.subarray(end));
      try {
        const plain = decipher.update(sealed.subarray(0, end));
        decipher.final();
        return plain;
      } catch {
        return undefined;
      }
    },
  };
}
