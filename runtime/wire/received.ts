/** What becomes of a packet that came over a border. */
import type { Frame } from '../training/frame.ts';
import type { Broken } from './bad-frame.ts';

export interface Received {
  readonly frames: readonly Frame[];
  /** To be sent back. */
  readonly packets: readonly Uint8Array[];
  /** Why the packet was refused: it is counted, nothing of it was taken. */
  readonly refused?: string;
  /** The border cannot go on in this term. */
  readonly broken?: Broken;
}

export const NOTHING: Received = { frames: [], packets: [] };

export function ends(broken: Broken): Received {
  return { frames: [], packets: [], broken };
}

export function refuse(refused: string): Received {
  return { ...NOTHING, refused };
}
