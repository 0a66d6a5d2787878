/**
 * A socket whose bytes go through emulated lines, in both directions: for a mesh on one machine that shall behave as if
 * it stood in several places. Everything on the socket passes through them, the handshake and probes included.
 */
import { connect, type createConnection, isIP, type Socket, type TcpNetConnectOpts } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { BorderFaults } from './emulated-faults.ts';
import { EmulatedLine, type LineClock } from './emulated-line.ts';

/** Properties of its own link that a trainer emulates. */
export interface Emulation extends BorderFaults {
  /** Bytes a second; nothing: no bound. */
  readonly up?: number;
  readonly down?: number;
  /** Milliseconds of a round trip between two trainers that both emulate it. */
  readonly delay: number;
  /** Of direct connections, which then have nothing to do with the link; absent: they go over it, too. */
  readonly direct?: { readonly rate: number; readonly delay: number };
}

/** The lines of one machine: all of its connections share them. */
export interface EmulatedLink {
  readonly up: EmulatedLine;
  readonly down: EmulatedLine;
}

const REAL: LineClock = {
  now: () => performance.now(),
  later: (what, milliseconds) => {
    // A timer keeps whole milliseconds only: rounded up, it never has to be set twice.
    setTimeout(what, Math.ceil(milliseconds));
  },
};

/** So many bytes of others wait here at most, as in a receive window; then the socket is not read. */
const WINDOW_BYTES = 256 * 1024;

/** Of one connection at once; a second piece leaves while a timer that is late calls for the next one. */
const [PIECE_BYTES, PIECES_ON_LINE] = [64 * 1024, 2] as const;

/** Lines of direct connections to other trainers. @param link that of everything else */
export function emulatedDirect({ direct }: Emulation, link: EmulatedLink, clock = REAL): EmulatedLink {
  return direct ? emulatedLink({ up: direct.rate, down: direct.rate, delay: direct.delay }, clock) : link;
}

/** A quarter of the round trip at each of the two ends of each of its two ways. */
export function emulatedLink({ up, down, delay }: Emulation, clock = REAL): EmulatedLink {
  const delayMilliseconds = delay / 4;
  return {
    up: new EmulatedLine({ bytesPerSecond: up, delayMilliseconds }, clock),
    down: new EmulatedLine({ bytesPerSecond: down, delayMilliseconds }, clock),
  };
}

export class EmulatedSocket extends Duplex {
  readonly #socket: Socket;
  readonly #link: EmulatedLink;
  #queued = 0;

  constructor(socket: Socket, link: EmulatedLink) {
    super();
    this.#socket = socket;
    this.#link = link;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    // Behind the last byte, which may still be on its way.
    socket.on('end', () => link.down.carry(0, nothing, () => this.#end()));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => link.down.carry(0, nothing, () => this.destroy()));
    for (const event of ['connect', 'timeout'] as const) socket.on(event, () => this.emit(event));
    socket.setNoDelay(true);
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  #take(chunk: Buffer): void {
    this.#queued += chunk.length;
    if (this.#queued > WINDOW_BYTES) this.#socket.pause();
    this.#link.down.carryAll(chunk, nothing, (stretch) => {
      this.#queued -= stretch.length;
      if (this.destroyed) return;
      const wanted = this.push(stretch);
      if (wanted && this.#queued <= WINDOW_BYTES) this.#socket.resume();
    });
  }

  #end(): void {
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    if (this.#queued <= WINDOW_BYTES) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#send(chunk, done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  /**
   * Connections of one link share it, as those of a real one do: each has so many pieces on the line, however much it has
   * to send. All at once, a few megabytes would keep the others silent for so long that they count as broken.
   */
  #send(bytes: Buffer, done: () => void): void {
    const pieces = Math.max(1, Math.ceil(bytes.length / PIECE_BYTES));
    let [begun, left] = [0, 0];
    const begin = (): void => {
      const piece = bytes.subarray(PIECE_BYTES * begun, PIECE_BYTES * (begun + 1));
      begun++;
      this.#link.up.carryAll(piece, sent, (stretch) => {
        if (!this.#socket.destroyed) this.#socket.write(stretch);
      });
    };
    const sent = (): void => {
      left++;
      if (left === pieces) done();
      else if (begun < pieces) begin();
    };
    for (let piece = 0; piece < Math.min(PIECES_ON_LINE, pieces); piece++) begin();
  }

  override _final(done: () => void): void {
    this.#link.up.carry(0, done, () => this.#socket.end());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** A `createConnection` for a WebSocket: TLS lies above what is emulated, as on a real link. */
export function connectEmulated(link: EmulatedLink, secure: boolean): typeof createConnection {
  const connected = (options: TcpNetConnectOpts): Duplex => {
    const { host, port } = options;
    const socket = new EmulatedSocket(connect(host === undefined ? { port } : { host, port }), link);
    if (!secure) return socket;
    return connectTls({ ...options, socket, servername: host === undefined || isIP(host) > 0 ? '' : host });
  };
  // `ws` hands it to `http.request`, which takes any stream.
  return connected as unknown as typeof createConnection;
}

const nothing = (): void => undefined;
