/** What a shard seals of how it has held frames that came (spec/wire.md, 7). */

/** Frames of one message of a neighbour in one stretch, as a shard got them: within the bound, where there is one. */
export interface HeldBorder {
  /** `Message.id`, and the shard that it comes from. */
  readonly message: number;
  readonly from: number;
  /** The largest amount, and the largest root mean square of a frame. */
  readonly largest: number;
  readonly rms: number;
  /** Frames that were larger than the bound. */
  readonly clipped: number;
  readonly bound?: { readonly largest: number; readonly rms: number };
}
