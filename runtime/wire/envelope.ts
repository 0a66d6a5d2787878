/**
 * Control messages (spec/wire.md, 3): signed JSON, one after the other. A signature covers a domain, the session, the
 * recipient and the message's number, so that a message is good once, for one reader, in one connection.
 */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { canonicalBytes, canonicalOf } from './canonical.ts';
import type { Session } from './handshake.ts';
import { fromHex, hex } from './hash.ts';
import { messageProblem } from './message-schema.ts';
import type { Message } from './messages.ts';
import type { MessageRefusal } from './refusals.ts';
import { understood, WIRE_VERSION } from './version.ts';

/** Longer ones are refused before they are parsed. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
const DOMAIN = new TextEncoder().encode('nmc/message/2\n');

export class Envelopes {
  readonly #session: Session;
  readonly #keys: KeyPair;
  #sent = 0;
  #received = 0;

  /** @param session of the connection, with the other end as its peer */
  constructor(session: Session, keys: KeyPair) {
    this.#session = session;
    this.#keys = keys;
  }

  /**
   * What is not JSON in it becomes some: numbers beyond all numbers null, halves of characters U+FFFD.
   * @throws MessageTooLong, and nothing was numbered
   */
  seal(message: Message): string {
    const seq = this.#sent;
    let signed: unknown = { v: WIRE_VERSION, seq, ...message };
    let bytes = canonicalOf(signed);
    if (!bytes) {
      signed = JSON.parse(JSON.stringify(signed, (_key, value) => wellFormed(value)));
      bytes = canonicalBytes(signed);
    }
    const sig = hex(ed25519.sign(this.#signed(bytes, seq, this.#session.peer), this.#keys.secretKey));
    const text = JSON.stringify({ ...(signed as object), sig });
    if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) throw new MessageTooLong(message.type);
    this.#sent++;
    return text;
  }

  /** @returns the message, or why it is refused */
  open(text: string): Message | MessageRefusal {
    if (text.length > MAX_MESSAGE_BYTES) return 'too-long';
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return 'no-json';
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'schema';
    const { sig, ...signed } = value as Record<string, unknown>;
    if (!understood(signed.v)) return 'version';
    if (signed.seq !== this.#received) return 'sequence';
    const signature = fromHex(sig, 64);
    if (!signature || !this.#verifies(signed, signature)) return 'signature';
    if (messageProblem(signed) !== undefined) return 'schema';
    this.#received++;
    return signed as unknown as Message;
  }

  #verifies(signed: Record<string, unknown>, signature: Uint8Array): boolean {
    const bytes = canonicalOf(signed);
    if (!bytes) return false;
    return ed25519.verify(this.#signed(bytes, this.#received, this.#keys.publicKey), signature, this.#session.peer);
  }

  #signed(message: Uint8Array, seq: number, recipient: Uint8Array): Uint8Array {
    const number = new Uint8Array(8);
    new DataView(number.buffer).setBigUint64(0, BigInt(seq));
    return Buffer.concat([DOMAIN, this.#session.id, recipient, number, message]);
  }
}

/** A message of our own that every peer would refuse. */
export class MessageTooLong extends Error {
  constructor(type: string) {
    super(`a message ${type} is longer than ${MAX_MESSAGE_BYTES} bytes`);
  }
}

/** Halves of characters come of texts that were cut. */
function wellFormed(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/\p{Cs}/gu, '\ufffd') : value;
}
