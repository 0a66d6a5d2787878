/** Reads a request's body into memory that was counted before it was allocated. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from '../http/http-error.ts';
import type { Hold } from './body-budget.ts';

/**
 * Bodies are copied into blocks of this size: pieces as they come, which a client can make as small as a byte, would
 * cost a hundred times what they hold.
 */
const BLOCK_BYTES = 64 * 1024;
const RETRY_SECONDS = 1;

export interface BodyLimits {
  readonly bytes: number;
  /** Between two pieces. */
  readonly stalledMilliseconds: number;
}

/**
 * @param closing ends what is not there yet
 * @throws HttpError 408, 413, 415, 503; nothing of the body was asked for where it is refused before
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  hold: Hold,
  limits: BodyLimits,
  closing: AbortSignal,
): Promise<Uint8Array> {
  checkType(request);
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limits.bytes) throw tooLarge(limits.bytes);
  if (!hold.fits(declared)) throw busy('other requests fill the memory for bodies');
  if (request.headers.expect !== undefined) response.writeContinue();
  const blocks = new Blocks(hold, declared);
  await everyPiece(request, limits.stalledMilliseconds, closing, (piece) => {
    if (blocks.bytes + piece.length > limits.bytes) throw tooLarge(limits.bytes);
    if (!blocks.add(piece)) throw busy('other requests fill the memory for bodies');
  });
  return blocks.joined();
}

/** @param take throws where it wants no more. @throws what it has thrown; HttpError 408 */
async function everyPiece(
  request: IncomingMessage,
  stalledMilliseconds: number,
  closing: AbortSignal,
  take: (piece: Buffer) => void,
): Promise<void> {
  if (closing.aborted) throw busy('the server is going down');
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => end(slow()), stalledMilliseconds);
    const listeners = {
      data: (piece: Buffer) => {
        timer.refresh();
        try {
          take(piece);
        } catch (error) {
          end(error);
        }
      },
      end: () => end(),
      error: () => end(gone()),
      close: () => end(gone()),
    };
    const goDown = (): void => end(busy('the server is going down'));
    const end = (error?: unknown): void => {
      clearTimeout(timer);
      closing.removeEventListener('abort', goDown);
      for (const [name, listener] of Object.entries(listeners)) request.off(name, listener);
      // The rest is not read; a broken connection has no one to answer either.
      request.on('error', () => undefined);
      if (error === undefined) resolve();
      else {
        request.pause();
        reject(error);
      }
    };
    closing.addEventListener('abort', goDown);
    for (const [name, listener] of Object.entries(listeners)) request.on(name, listener);
  });
}

export function busy(message: string): HttpError {
  return new HttpError(503, 'http/busy', message, {
    repair: 'ask again in a moment',
    headers: { 'retry-after': String(RETRY_SECONDS) },
    closes: true,
  });
}

/** The client has gone, so this answer is lost. */
export function gone(): HttpError {
  return new HttpError(400, 'http/gone', 'the request was not sent to its end', { closes: true });
}

/** A foreign page can make a browser send forms and plain text here without asking, but not JSON. */
function checkType(request: IncomingMessage): void {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (type.trim().toLowerCase() === 'application/json' && encoding === 'identity') return;
  throw notJson();
}

export function notJson(): HttpError {
  return new HttpError(415, 'http/type', 'the body must be JSON, with its content type', {
    repair: 'send content-type: application/json (curl --json, not curl -d), not compressed',
    closes: true,
  });
}

function tooLarge(bytes: number): HttpError {
  return new HttpError(413, 'http/large', `the body has more than ${bytes} bytes`, {
    repair: 'send several requests',
    closes: true,
  });
}

function slow(): HttpError {
  return new HttpError(408, 'http/slow', 'the body did not arrive in time', {
    repair: 'send it in one go, or a smaller one',
    closes: true,
  });
}

class Blocks {
  readonly #hold: Hold;
  readonly #blocks: Buffer[] = [];
  readonly #first: number;
  #free = 0;
  bytes = 0;

  constructor(hold: Hold, declared: number) {
    this.#hold = hold;
    this.#first = declared > 0 ? Math.min(declared, BLOCK_BYTES) : BLOCK_BYTES;
  }

  /** @returns whether there was room */
  add(piece: Buffer): boolean {
    let taken = 0;
    while (taken < piece.length) {
      if (this.#free === 0 && !this.#grow()) return false;
      const block = this.#blocks.at(-1) as Buffer;
      const count = Math.min(this.#free, piece.length - taken);
      piece.copy(block, block.length - this.#free, taken, taken + count);
      taken += count;
      this.#free -= count;
    }
    this.bytes += piece.length;
    return true;
  }

  joined(): Uint8Array {
    return Buffer.concat(this.#blocks, this.bytes);
  }

  #grow(): boolean {
    const size = this.#blocks.length === 0 ? this.#first : BLOCK_BYTES;
    if (!this.#hold.take(size)) return false;
    this.#blocks.push(Buffer.allocUnsafeSlow(size));
    this.#free = size;
    return true;
  }
}
