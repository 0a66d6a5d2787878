/** Faults of a simulated mesh, and how often they happen. */
export interface Faults {
  /** Milliseconds one way, and how much more at most. */
  readonly latency: number;
  readonly jitter: number;
  /** Chance that a message breaks its connection instead of arriving. */
  readonly loss: number;
  /** Mean milliseconds that a trainer lives, and that it is away; nothing: it lives for ever. */
  readonly lives?: number;
  readonly away?: number;
  /** Mean milliseconds between two kills of the synchronizer. */
  readonly synchronizerLives?: number;
}
