/** A line between a client and a server of NATS that loses or changes what it should carry, as a test says. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Faults {
  /** Of the answer to something that was to be kept. `refuse`: another revision is said to be there. */
  readonly answer?: () => 'pass' | 'swallow' | 'refuse';
  /** Of each answer that tells a message of a stream: the one before it to the same question is given. */
  readonly stale?: () => boolean;
  /** How often what is to be kept reaches the server. */
  readonly times?: () => number;
}

const REFUSED = JSON.stringify({
  error: { code: 400, err_code: 10071, description: 'wrong last sequence: 7' },
  stream: 'none',
  seq: 0,
});
/** A question for one message of a stream, and where its answer goes. */
const LOOK = /^H?PUB (\$JS\.API\.STREAM\.MSG\.GET\.\S+) (\S+) /;
const FRAME = /^(H?MSG|H?PUB) /;
const KEPT = /^H?PUB (\$KV|\$O|nmc\.[^.]+\.record)\./;

export class FaultyLine {
  faults: Faults = {};
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Questions that have no answer yet, by where that goes. */
  readonly #asked = new Map<string, string>();
  /** The last answer to each question. */
  readonly #answered = new Map<string, Buffer>();

  private constructor(target: number) {
    this.#server = createServer((client) => {
      const server = connect(target, '127.0.0.1');
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          client.destroy();
          server.destroy();
          this.#sockets.delete(socket);
        });
      }
      inFrames(server, (head, body) => this.#toClient(client, head, body));
      inFrames(client, (head, body) => this.#toServer(server, head, body));
    });
  }

  static async before(url: string): Promise<FaultyLine> {
    const line = new FaultyLine(Number(new URL(url).port));
    await new Promise<void>((resolve) => line.#server.listen(0, '127.0.0.1', resolve));
    return line;
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** All connections end. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #toClient(client: Socket, head: string, answer: Buffer): void {
    const body = this.#perhapsStale(head, answer);
    if (body !== answer) head = head.replace(/\d+$/, String(body.length - 2));
    const acknowledges = head.startsWith('MSG ') && /^\{"stream":"[^"]*", ?"seq":\d+/.test(body.toString('latin1'));
    const what = acknowledges ? (this.faults.answer?.() ?? 'pass') : 'pass';
    if (what === 'swallow') return;
    if (what === 'pass') client.write(Buffer.concat([Buffer.from(`${head}\r\n`), body]));
    else client.write(`${head.replace(/\d+$/, String(REFUSED.length))}\r\n${REFUSED}\r\n`);
  }

  /** A server that is behind answers what was true before. */
  #perhapsStale(head: string, body: Buffer): Buffer {
    const [, subject = ''] = head.split(' ');
    const question = this.#asked.get(subject);
    if (question === undefined) return body;
    this.#asked.delete(subject);
    const before = this.#answered.get(question);
    this.#answered.set(question, body);
    return before && (this.faults.stale?.() ?? false) ? before : body;
  }

  #toServer(server: Socket, head: string, body: Buffer): void {
    const [, subject, reply] = LOOK.exec(head) ?? [];
    if (reply !== undefined) this.#asked.set(reply, `${subject} ${body.toString('latin1')}`);
    const times = KEPT.test(head) ? (this.faults.times?.() ?? 1) : 1;
    for (let i = 0; i < times; i++) server.write(Buffer.concat([Buffer.from(`${head}\r\n`), body]));
  }
}

/** Lines of the protocol, those that carry bytes with them. */
function inFrames(socket: Socket, take: (head: string, body: Buffer) => void): void {
  let held = Buffer.alloc(0);
  socket.on('data', (piece: Buffer) => {
    held = Buffer.concat([held, piece]);
    for (let end = held.indexOf('\r\n'); end >= 0; end = held.indexOf('\r\n')) {
      const head = held.subarray(0, end).toString('latin1');
      const length = FRAME.test(head) ? Number(head.slice(head.lastIndexOf(' ') + 1)) + 2 : 0;
      if (held.length < end + 2 + length) return;
      take(head, held.subarray(end + 2, end + 2 + length));
      held = held.subarray(end + 2 + length);
    }
  });
}
