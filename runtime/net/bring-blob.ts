/**
 * A blob into the mesh, as often as it takes: the part of a snapshot must not be lost with a connection or a full disk.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { Link } from './link.ts';
import { type Pieces, piecesOf } from './send-blob.ts';

export interface Bringing {
  readonly link: () => Pick<Link, 'putBlob'> | undefined;
  readonly stopped: () => boolean;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  /** Milliseconds between two tries: while the mesh is away, and while it has no room. */
  readonly retry: number;
  readonly retryFull: number;
}

/** Refusals that end by themselves, or when space is freed: the work waits for that. */
const FOR_NOW: readonly string[] = ['disk/full', 'mesh/quota', 'mesh/busy'];

/** Bytes, or where they can be read from the beginning, as often as it takes. */
export type BlobContent = Uint8Array | StreamedBlob;

export interface StreamedBlob {
  readonly hash: string;
  readonly bytes: number;
  readonly pieces: () => Pieces;
}

export async function bringBlob(content: BlobContent, bringing: Bringing): Promise<string> {
  const { hash, bytes, pieces }: StreamedBlob =
    content instanceof Uint8Array
      ? { hash: hex(sha256(content)), bytes: content.length, pieces: () => piecesOf(content) }
      : content;
  let refused = '';
  for (;;) {
    let wait = bringing.retry;
    try {
      const link = bringing.link();
      if (link) {
        await link.putBlob(hash, pieces);
        return hash;
      }
    } catch (error) {
      if (error instanceof UserError && FOR_NOW.includes(error.code)) {
        wait = bringing.retryFull;
        if (refused !== error.code) bringing.log({ event: 'blob-refused', code: error.code, bytes });
        refused = error.code;
      } else if (!(error instanceof EnvironmentError)) throw error;
    }
    if (bringing.stopped()) throw new Error('stopped');
    await sleep(wait);
  }
}
