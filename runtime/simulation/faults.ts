/** Faults of a simulated mesh, and how often they happen. */
import { stream } from '../../spec/random.ts';

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

/** The least and the most of each, in orders of magnitude of which each is as likely as the other. */
const CHURN = {
  latency: [2, 150],
  jitter: [1, 100],
  loss: [1e-6, 1e-3],
  lives: [30_000, 900_000],
  away: [1000, 60_000],
  synchronizerLives: [20_000, 300_000],
} as const satisfies { readonly [K in keyof Required<Faults>]: readonly [number, number] };

/** A mesh in which trainers come and go, and the synchronizer begins again: another one for each seed. */
export function churnOf(seed: number): Required<Faults> {
  const random = stream(seed, 'churn');
  const drawn = Object.entries(CHURN).map(([name, [least, most]], i) => [
    name,
    least * (most / least) ** random.uniform(i),
  ]);
  return Object.fromEntries(drawn) as Required<Faults>;
}

/** Trainers that live and are away for exponential times, in milliseconds, each as often as until then. */
export function churnLives(
  seed: number,
  trainers: number,
  { lives, away, until }: { readonly lives: number; readonly away: number; readonly until: number },
): { readonly at: number; readonly trainer: number; readonly back: number }[] {
  const random = stream(seed, 'lives');
  let draws = 0;
  const drawn = (mean: number): number => -mean * Math.log(1 - random.uniform(draws++));
  return Array.from({ length: trainers }, (_, trainer) => {
    const kills = [];
    for (let at = drawn(lives); at < until; ) {
      const back = at + drawn(away);
      kills.push({ at, trainer, back });
      at = back + drawn(lives);
    }
    return kills;
  }).flat();
}
