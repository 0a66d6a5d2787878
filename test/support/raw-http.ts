/** HTTP as an attacker speaks it: bytes on a socket, and what comes back of them. */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class RawConnection {
  readonly socket: Socket;
  /** When the other side has ended it, however. */
  readonly closed: Promise<void>;
  #received = '';
  #ended = false;
  readonly #heard: (() => void)[] = [];

  /** @param from address of this machine to come from: another client for the server */
  constructor(port: number, from = '127.0.0.1') {
    this.socket = connect({ port, host: '127.0.0.1', localAddress: from });
    this.socket.on('error', () => undefined);
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text;
      this.#tell();
    });
    this.closed = new Promise((resolve) =>
      this.socket.on('close', () => {
        this.#ended = true;
        this.#tell();
        resolve();
      }),
    );
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(...pieces: readonly (string | Uint8Array)[]): this {
    for (const piece of pieces) if (this.socket.writable) this.socket.write(piece);
    return this;
  }

  /** The next whole answer; undefined where the connection ended before one. */
  async answer(): Promise<RawAnswer | undefined> {
    let found = wholeAnswer(this.#received);
    while (!found && !this.#ended) {
      await new Promise<void>((resolve) => this.#heard.push(resolve));
      found = wholeAnswer(this.#received);
    }
    if (!found) return undefined;
    this.#received = this.#received.slice(found.length);
    return found.answer;
  }

  end(): void {
    this.socket.destroy();
  }

  #tell(): void {
    for (const heard of this.#heard.splice(0)) heard();
  }
}

/** One request on a connection of its own. */
export async function ask(port: number, request: string | Uint8Array, from?: string): Promise<RawAnswer | undefined> {
  const connection = new RawConnection(port, from).send(request);
  try {
    return await connection.answer();
  } finally {
    connection.end();
  }
}

/** The text of a request. @param headers instead of those that every request has; an empty value leaves one out */
export function requestText(
  line: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | Uint8Array = '',
): string {
  const length = Buffer.byteLength(body);
  const all: Record<string, string> = {
    host: '127.0.0.1',
    ...(line.startsWith('POST') ? { 'content-type': 'application/json', 'content-length': String(length) } : {}),
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}`);
  return `${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${Buffer.from(body as string).toString('latin1')}`;
}

export const codeOf = (answer: RawAnswer | undefined): string =>
  (JSON.parse(answer?.body || '{}') as { error?: { code?: string } }).error?.code ?? '';

function wholeAnswer(text: string): { readonly answer: RawAnswer; readonly length: number } | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  const [first = '', ...lines] = text.slice(0, head).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const length = head + 4 + Number(headers['content-length'] ?? 0);
  if (text.length < length) return undefined;
  return { answer: { status: Number(first.split(' ')[1]), headers, body: text.slice(head + 4, length) }, length };
}
