/** What is read in pieces, as a whole. */
import type { Pieces } from '../../runtime/net/send-blob.ts';

/** All of them, one behind the other. */
export async function joined(pieces: Pieces): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for (let next = await pieces.next(); next; next = await pieces.next()) all.push(next.slice());
  return Buffer.concat(all);
}
