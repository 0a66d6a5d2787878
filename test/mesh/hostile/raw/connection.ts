/** One end of a WebSocket by hand: bytes on a TCP socket, frames read as they come, and whatever bytes sent. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { ed25519, type KeyPair } from '../../../../runtime/identity/ed25519.ts';
import { hello, prove, type Role, type Session } from '../../../../runtime/wire/handshake.ts';
import { hex } from '../../../../runtime/wire/hash.ts';
import { frameOf, TEXT } from './frames.ts';
import { canonicalText } from './messages.ts';

const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
];
/** Milliseconds: whoever has not answered by then does not answer. */
const GIVE_UP = 10_000;

export function upgradeText(...more: readonly string[]): string {
  return `${[...UPGRADE, ...more].join('\r\n')}\r\n\r\n`;
}

export class RawSocket {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  isClosed = false;
  #received: Buffer = Buffer.alloc(0);
  #heard: () => void = () => undefined;

  /** @param from an address of this machine */
  constructor(port: number, from = '127.0.0.1') {
    this.socket = connect({ port, host: '127.0.0.1', localAddress: from });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (data: Buffer) => {
      // What nobody waits for is not kept.
      this.#received = this.#received.length > 65_536 ? data : Buffer.concat([this.#received, data]);
      this.#heard();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.isClosed = true;
        this.#heard();
        resolve();
      });
    });
  }

  send(bytes: Uint8Array | string): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  sendText(text: string): void {
    this.send(frameOf({ opcode: TEXT, payload: Buffer.from(text) }));
  }

  /** @returns whether the listener speaks WebSocket with it now */
  async upgrade(...headers: readonly string[]): Promise<boolean> {
    this.send(upgradeText(...headers));
    const answer = await this.#take((bytes) => {
      const end = bytes.indexOf('\r\n\r\n');
      return end < 0 ? undefined : end + 4;
    });
    return answer?.toString('latin1').startsWith('HTTP/1.1 101') ?? false;
  }

  /** @returns the payload of the next text or close frame */
  async read(): Promise<Buffer | undefined> {
    for (let frame = await this.#take(frameEnd); frame; frame = await this.#take(frameEnd)) {
      const at = [126, 127].indexOf((frame[1] as number) & 127);
      const payload = frame.subarray(at < 0 ? 2 : at === 0 ? 4 : 10);
      if ([TEXT, 8].includes((frame[0] as number) & 15)) return payload;
    }
    return undefined;
  }

  /** Shakes hands as somebody who is listed. @returns nothing where it is not let in */
  async shakeHands(role: Role, keys: KeyPair): Promise<Signer | undefined> {
    if (!(await this.upgrade())) return undefined;
    const first = hello(role, keys, randomBytes(32));
    this.sendText(JSON.stringify(first));
    const proved = prove(first, parsed(await this.read()), keys);
    if (typeof proved === 'string') return undefined;
    this.sendText(JSON.stringify(proved.proof));
    const { type } = (parsed(await this.read()) ?? {}) as { readonly type?: unknown };
    return type === 'welcome' ? new Signer(proved.session, keys) : undefined;
  }

  end(): void {
    this.socket.destroy();
  }

  async #take(endOf: (bytes: Buffer) => number | undefined): Promise<Buffer | undefined> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#heard();
    }, GIVE_UP);
    try {
      let end = endOf(this.#received);
      while (end === undefined && !this.isClosed && !late) {
        await new Promise<void>((resolve) => {
          this.#heard = resolve;
        });
        end = endOf(this.#received);
      }
      if (end === undefined) return undefined;
      const taken = this.#received.subarray(0, end);
      this.#received = this.#received.subarray(end);
      return taken;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Signs what it is given as the next message of its connection, whatever it is. */
export class Signer {
  readonly #session: Session;
  readonly #keys: KeyPair;
  #sent = 0;

  constructor(session: Session, keys: KeyPair) {
    this.#session = session;
    this.#keys = keys;
  }

  /** @param textOf makes the text of the message for a number. @returns the text with a signature that holds */
  seal(textOf: (seq: number) => string): string {
    const text = textOf(this.#sent);
    const number = Buffer.alloc(8);
    number.writeBigUInt64BE(BigInt(this.#sent++));
    const bytes = Buffer.concat([
      Buffer.from('nmc/message/2\n'),
      this.#session.id,
      this.#session.peer,
      number,
      Buffer.from(canonicalText(text) ?? text),
    ]);
    const sig = hex(ed25519.sign(bytes, this.#keys.secretKey));
    return text.replace(/\}$/, `,"sig":"${sig}"}`);
  }
}

function frameEnd(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const short = (bytes[1] as number) & 127;
  if (short === 126) return bytes.length < 4 ? undefined : within(bytes, 4 + bytes.readUInt16BE(2));
  if (short === 127) return bytes.length < 10 ? undefined : within(bytes, 10 + Number(bytes.readBigUInt64BE(2)));
  return within(bytes, 2 + short);
}

function within(bytes: Buffer, end: number): number | undefined {
  return bytes.length < end ? undefined : end;
}

function parsed(bytes: Buffer | undefined): unknown {
  try {
    return JSON.parse(String(bytes));
  } catch {
    return undefined;
  }
}
