/** Room on a disk for blobs: below the headroom, which belongs to the database, nothing large is begun. */
import { statfsSync } from 'node:fs';
import { nmc } from '../support/command-text.ts';
import { EnvironmentError } from '../support/errors.ts';
import { formatBytes } from '../support/format-numbers.ts';

/** The database has to be able to write when blobs no longer can. */
export const HEADROOM_BYTES = 600e6;

export interface DiskRoom {
  /** @throws EnvironmentError `disk/full` where these bytes would take the headroom */
  assertRoom(bytes: number): void;
}

export function diskRoom(
  folder: string,
  headroom: number = HEADROOM_BYTES,
  freeBytes: () => number = () => freeBytesOf(folder),
): DiskRoom {
  return {
    assertRoom(bytes) {
      const free = freeBytes();
      if (free >= headroom + bytes) return;
      throw new EnvironmentError(
        'disk/full',
        `the disk of the mesh is full: ${formatBytes(bytes)} are needed, ${formatBytes(Math.max(0, free))} are left, of which ${formatBytes(headroom)} stay free for its records`,
        `free some space there, or remove what no run needs: ${nmc`mesh gc`}`,
      );
    },
  };
}

/** Bytes that a process without privileges may still write there. */
export function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
