/** A blob as binary messages, never more under way than the socket takes. */
import type { WebSocket } from 'ws';
import { fromHex } from '../wire/hash.ts';
import { encodeBlobChunk } from '../wire/routing.ts';

const CHUNK = 256 * 1024;

/** Ends early when the socket closes. */
export async function sendBlob(socket: WebSocket, hash: string, bytes: Uint8Array): Promise<void> {
  const name = fromHex(hash, 32);
  if (!name) throw new Error(`no hash: ${hash}`);
  let offset = 0;
  do {
    const chunk = encodeBlobChunk(name, offset, bytes.length, bytes.subarray(offset, offset + CHUNK));
    const sent = await new Promise<boolean>((resolve) => {
      if (socket.readyState === socket.OPEN) socket.send(chunk, (error) => resolve(!error));
      else resolve(false);
    });
    if (!sent) return;
    offset += CHUNK;
  } while (offset < bytes.length);
}
