/** A trainer as predictions know it: what it has measured of itself and of its ways, and how the mesh looks at it. */
import type { Capability } from '../../wire/messages.ts';

/** To the trainer of this key. */
export interface MeasuredBorder {
  readonly key: string;
  /** Bytes a second. */
  readonly rate: number;
  /** Milliseconds there and back. */
  readonly roundTrip: number;
}

export interface RatedTrainer {
  readonly key: string;
  readonly name: string;
  readonly capability: Capability;
  /** Absent: its link was not measured yet. */
  readonly link?: unknown;
  /** Straight to others, as it was measured. */
  readonly borders?: readonly MeasuredBorder[];
  /** Share of its stretches that is done again; absent: it does not seal any. */
  readonly audited?: { readonly rate: number };
  /** Runs of which it has shards. */
  readonly work?: readonly { readonly run: string }[];
}
