/** Rates of a trainer's link, as measured by the gateway, within the limits of its owner, and of its ways to others. */
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

/** Bytes a second that an end has sent and received, and milliseconds there and back. */
export interface WayFigures {
  readonly sent: number;
  readonly received: number;
  readonly roundTrip: number;
}

/** One end's view of the way to another trainer. */
export interface ProbedBorder {
  /** When it was last asked to measure it, and how often. */
  readonly asked: number;
  readonly count: number;
  /** What it has told since the last time it was asked, or not. */
  readonly isTold: boolean;
  /** The newest, and the ones before. */
  readonly last?: WayFigures;
  readonly before?: WayFigures;
  /** When the newest were told. */
  readonly at?: number;
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
