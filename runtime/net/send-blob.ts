/** A blob as binary messages, never more under way than the socket takes. */
import type { WebSocket } from 'ws';
import { freeNow } from '../support/free-now.ts';
import { fromHex } from '../wire/hash.ts';
import { encodeBlobChunk } from '../wire/routing.ts';

const CHUNK = 256 * 1024;
/** Milliseconds for one piece: a peer that does not take it in this time does not read. */
const MAX_STALL_MILLISECONDS = 30_000;

/** The source of a blob, read piece by piece. */
export interface Pieces {
  readonly bytes: number;
  /** @returns nothing behind the last one; what it has given may be used until it is asked again */
  next(): Promise<Uint8Array | undefined>;
}

/** @param arrays one behind the other; no piece is of two of them */
export function piecesOf(...arrays: readonly Uint8Array[]): Pieces {
  const left = [...arrays];
  let offset = 0;
  return {
    bytes: arrays.reduce((sum, { length }) => sum + length, 0),
    next: async () => {
      while (left[0] && offset >= left[0].length) {
        left.shift();
        offset = 0;
      }
      offset += CHUNK;
      return left[0]?.subarray(offset - CHUNK, offset);
    },
  };
}

/** The same as long as it holds; then they end. */
export function piecesWhile(pieces: Pieces, holds: () => boolean): Pieces {
  return {
    bytes: pieces.bytes,
    next: async () => {
      const piece = holds() ? await pieces.next() : undefined;
      return holds() ? piece : undefined;
    },
  };
}

/**
 * One piece at a time, each when the socket has taken the one before it. Ends early when the socket closes, or where
 * the blob is no longer wanted. @returns whether all of it went out
 */
export async function sendBlob(
  socket: WebSocket,
  hash: string,
  pieces: Pieces,
  wanted: () => boolean = () => true,
): Promise<boolean> {
  const name = fromHex(hash, 32);
  if (!name) throw new Error(`not a hash: ${hash}`);
  let offset = 0;
  do {
    const piece = (await pieces.next()) ?? new Uint8Array(0);
    if (piece.length === 0 && offset < pieces.bytes) return false;
    if (!wanted() || !(await sendOne(socket, encodeBlobChunk(name, offset, pieces.bytes, piece)))) return false;
    offset += piece.length;
  } while (offset < pieces.bytes);
  return true;
}

/** @returns when the socket has taken it; false where it has closed before */
function sendOne(socket: WebSocket, chunk: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) {
      resolve(false);
      return;
    }
    const timer = setTimeout(() => socket.terminate(), MAX_STALL_MILLISECONDS);
    const end = (sent: boolean): void => {
      clearTimeout(timer);
      socket.off('close', closed);
      if (sent) freeNow(chunk);
      resolve(sent);
    };
    const closed = (): void => end(false);
    socket.once('close', closed);
    socket.send(chunk, (error) => end(!error));
  });
}
