/** How values of a border go from one trainer to another: straight where that was measured, else over both links. */
import type { Capability } from '../wire/messages.ts';

/** A direct connection in one direction, as both ends have measured it. */
export interface DirectBorder {
  /** Bytes a second, within what both owners allow. */
  readonly rate: number;
  /** Milliseconds there and back. */
  readonly roundTrip: number;
  /** When the older one of the two was told. */
  readonly at: number;
}

export interface WayEnd {
  readonly key?: string;
  readonly capability: Pick<Capability, 'upload' | 'download' | 'roundTrip'>;
  /** From it, by the keys of others. */
  readonly borders?: Readonly<Record<string, Pick<DirectBorder, 'rate' | 'roundTrip'>>>;
}

export interface BorderWay {
  /** Bytes a second out of the one and into the other; 0: no known bound. */
  readonly upload: number;
  readonly download: number;
  /** Seconds one way. */
  readonly delay: number;
  /** It is clearly faster than their links to the mesh, so that it is not one with them: a network of their own. */
  readonly isApart: boolean;
}

/** A measurement tells no smaller difference. */
const CLEARLY = 1.5;

export function wayBetween(from: WayEnd, to: WayEnd): BorderWay {
  const { upload } = from.capability;
  const { download } = to.capability;
  const direct = to.key === undefined ? undefined : from.borders?.[to.key];
  if (!direct) {
    // Half of each one's way to the mesh and back.
    const delay = ((from.capability.roundTrip ?? 0) + (to.capability.roundTrip ?? 0)) / 2000;
    return { upload, download, delay, isApart: false };
  }
  const { rate, roundTrip } = direct;
  const delay = roundTrip / 2000;
  if (rate > CLEARLY * bounded(upload, bounded(download, Number.POSITIVE_INFINITY)))
    return { upload: rate, download: rate, delay, isApart: true };
  return { upload: bounded(upload, rate), download: bounded(download, rate), delay, isApart: false };
}

/** @param bytesPerSecond 0: no known bound */
function bounded(bytesPerSecond: number, most: number): number {
  return bytesPerSecond > 0 ? Math.min(bytesPerSecond, most) : most;
}
