/** Rates of a trainer's link: as measured by the gateway, within the limits of its owner. */
import type { Capability } from '../wire/messages.ts';

/** Measured by the gateway at its own end. */
export interface MeasuredLink {
  /** Bytes a second out of the trainer and into it. */
  readonly upload: number;
  readonly download: number;
  /** Milliseconds to the gateway and back. */
  readonly roundTrip: number;
  /** When. */
  readonly at: number;
}

/**
 * What the trainer can be counted on: of its upload and its download the smaller one of what is measured and what is declared,
 * where 0 says nothing, and the round trip that the gateway has seen rather than the one that the trainer tells.
 */
export function withLink(capability: Capability, measured: MeasuredLink | undefined): Capability {
  if (!measured) return capability;
  return {
    ...capability,
    upload: least(capability.upload, measured.upload),
    download: least(capability.download, measured.download),
    roundTrip: measured.roundTrip,
  };
}

function least(declared: number, measured: number): number {
  return declared > 0 ? Math.min(declared, measured) : measured;
}
