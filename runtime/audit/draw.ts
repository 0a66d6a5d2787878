/**
 * The draw of stretches that are done again. No one can choose its outcome: the synchronizer has
 * bound itself to a secret when the term began; what trainers have signed of a stretch, and their own numbers, go in behind
 * that; the secret comes out last. So a trainer that tries other ends or other numbers does not know what it would change, and a
 * synchronizer that knows its secret does not know the trainers' numbers before all is signed. Pure.
 */
import { canonicalBytes } from '../wire/canonical.ts';
import { hex, sha256 } from '../wire/hash.ts';

/**
 * Of every stretch alike, the first and the last as well. A replay costs what the stretch did, and opening its shard: of
 * small shards nearly as much again, and all audits together are to cost no more than 5 % of the work.
 */
export const AUDIT_RATE = 0.025;
/** No history of a trainer makes it less. */
export const AUDIT_RATE_FLOOR = 0.01;

/** The stretch of all shards that begins behind so many calls of a term. */
export interface DrawnStretch {
  readonly run: string;
  readonly term: number;
  readonly from: number;
}

/** What a shard's trainer has bound itself to before the draw. */
export interface Contribution {
  readonly shard: number;
  /** Of the state at its end, as it was signed. */
  readonly hash: string;
  /** Over the windows of its borders, as both ends have signed them. */
  readonly windows: string;
  /** Its own number, which it had not told anyone. */
  readonly nonce: string;
}

/** Binds to a secret, or a number, without telling it. */
export function pledgeOf(secret: string): string {
  return hex(sha256(canonicalBytes(['nmc/pledge/1', secret])));
}

/** @param secret of the synchronizer, of the term */
export function seedOf(
  { run, term, from }: DrawnStretch,
  secret: string,
  contributions: readonly Contribution[],
): string {
  const of = [...contributions]
    .sort((a, b) => a.shard - b.shard)
    .map(({ shard, hash, windows, nonce }) => [shard, hash, windows, nonce]);
  return hex(sha256(canonicalBytes(['nmc/draw/1', run, term, from, secret, of])));
}

/** Whether this trainer's shards of the stretch are done again. */
export function isDrawn(seed: string, trainer: string, rate: number): boolean {
  return chanceOf(seed, 'audited', trainer) < Math.max(rate, AUDIT_RATE_FLOOR);
}

/** Chance that follows from a draw, for one purpose. @returns 0 ≤ it < 1, to 48 bits */
export function chanceOf(seed: string, ...of: readonly string[]): number {
  const bytes = sha256(canonicalBytes(['nmc/chance/1', seed, ...of]));
  return Buffer.from(bytes).readUIntBE(0, 6) / 2 ** 48;
}
