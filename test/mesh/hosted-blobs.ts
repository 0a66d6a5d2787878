/** Blobs of a mesh in virtual time: they come in pieces, as those of a real one. */
import type { BlobSource } from '../../runtime/backplane/backplane.ts';
import type { BlobContent } from '../../runtime/net/bring-blob.ts';
import { joined } from '../support/joined-pieces.ts';

export function sourceOf(bytes: Uint8Array | undefined): BlobSource | undefined {
  if (!bytes) return undefined;
  const pieces = [bytes.subarray(0, 100), bytes.subarray(100)].filter((p) => p.length > 0);
  return { bytes: bytes.length, next: async () => pieces.shift(), close: async () => undefined };
}

export async function bytesOf(content: BlobContent): Promise<Uint8Array> {
  return content instanceof Uint8Array ? new Uint8Array(content) : joined(content.pieces());
}
