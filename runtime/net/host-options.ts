/** Needs of a shard on a device from its trainer. */
import type { BlobSource as BlobSourceInPieces } from '../backplane/backplane.ts';
import type { Device } from '../device/device.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import type { Frame } from '../training/frame.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Listen } from '../wire/messages.ts';
import type { BlobContent } from './bring-blob.ts';
import type { PartsPort } from './disk-columns.ts';
import type { StretchLog } from './records/stretch-log.ts';
import type { BorderDispute } from './shard-borders.ts';
import type { BlobSource } from './shard-data.ts';

export interface HostOptions {
  readonly device: Device;
  readonly keys: KeyPair;
  readonly blob: BlobSource;
  /** In pieces, of what may be too large for memory. */
  readonly readBlob?: ((hash: string, most: number) => Promise<BlobSourceInPieces>) | undefined;
  readonly putBlob: (content: BlobContent) => Promise<string>;
  /** Where columns lie that are too large for memory; absent: all are held. */
  readonly parts?: PartsPort | undefined;
  /** A packet for another trainer. @param to its key @param left as `BordersOptions.carry` has it */
  readonly carry: (packet: Uint8Array, to: string, left?: () => void) => void;
  /** Where this trainer can be dialled, if it can. */
  readonly listen: Omit<Listen, 'sig'> | undefined;
  /** A frame for a shard of the same trainer. @returns why it was refused */
  readonly handOver: (to: number, frame: Frame, term: number) => string | undefined;
  /** Something was delivered, or there is room again. */
  readonly news: () => void;
  /** The border with a neighbour cannot go on: the shard waits for the next term. */
  readonly dispute: (dispute: BorderDispute) => void;
  readonly now: () => number;
  /** Milliseconds that it sleeps for a frame before it says that it waits; absent: none. */
  readonly asleep?: number | undefined;
  /** States of at least so many bytes are never in memory as a whole. */
  readonly largeStateBytes?: number;
  /** Where records of stretches are kept; absent: nowhere. @param news the disk has taken what waited for it */
  readonly records?: (deployment: Deployment, shard: number, news: () => void) => StretchLog;
}
