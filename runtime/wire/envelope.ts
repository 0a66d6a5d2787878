/**
 * Control messages (spec/wire.md, 3): signed JSON, one after the other. A signature covers a domain, the session, the
 * recipient and the message's number, so that a message is good once, for one reader, in one connection.
 */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { canonicalBytes } from './canonical.ts';
import type { Session } from './handshake.ts';
import { fromHex, hex } from './hash.ts';
import { messageProblem } from './message-schema.ts';
import type { Message } from './messages.ts';
import { understood, WIRE_VERSION } from './version.ts';

/** Longer ones are refused before they are parsed. */
export const MOST_MESSAGE = 1024 * 1024;
const DOMAIN = new TextEncoder().encode('nmc/message/2\n');

/** Why a message was refused; it is counted and has no effect. */
export type Refusal = 'too-long' | 'no-json' | 'version' | 'schema' | 'sequence' | 'signature';

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

  seal(message: Message): string {
    const seq = this.#sent++;
    const signed = { v: WIRE_VERSION, seq, ...message };
    const sig = hex(ed25519.sign(this.#signed(signed, seq, this.#session.peer), this.#keys.secretKey));
    return JSON.stringify({ ...signed, sig });
  }

  /** @returns the message, or why it is refused */
  open(text: string): Message | Refusal {
    if (text.length > MOST_MESSAGE) return 'too-long';
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
    try {
      const bytes = this.#signed(signed, this.#received, this.#keys.publicKey);
      return ed25519.verify(bytes, signature, this.#session.peer);
    } catch {
      return false; // too deep, or text that has no canonical form
    }
  }

  #signed(message: unknown, seq: number, recipient: Uint8Array): Uint8Array {
    const number = new Uint8Array(8);
    new DataView(number.buffer).setBigUint64(0, BigInt(seq));
    return Buffer.concat([DOMAIN, this.#session.id, recipient, number, canonicalBytes(message)]);
  }
}
