/**
 * A blob into the mesh, as often as it takes: the part of a snapshot must not be lost with a connection or a full disk.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { Link } from './link.ts';

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

export async function bringBlob(bytes: Uint8Array, bringing: Bringing): Promise<string> {
  const hash = hex(sha256(bytes));
  let refused = '';
  for (;;) {
    let wait = bringing.retry;
    try {
      const link = bringing.link();
      if (link) {
        await link.putBlob(hash, bytes);
        return hash;
      }
    } catch (error) {
      if (error instanceof UserError && FOR_NOW.includes(error.code)) {
        wait = bringing.retryFull;
        if (refused !== error.code) bringing.log({ event: 'blob-refused', code: error.code, bytes: bytes.length });
        refused = error.code;
      } else if (!(error instanceof EnvironmentError)) throw error;
    }
    if (bringing.stopped()) throw new Error('stopped');
    await sleep(wait);
  }
}
