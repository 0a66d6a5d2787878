/**
 * Who has more undecided disputes than chance gives it. Packets that are damaged on their way end borders as a liar does, and
 * each border as often as any other: so a dispute says nothing of its two trainers, nor do two of one with two others. Only
 * one that has many more of them than its borders are of all is asked last, for a while, and loses nothing. Pure.
 */
import type { RunState, Undecided } from './synchronizer-state.ts';

/** Milliseconds for which a dispute is held against anyone. */
export const QUARREL_MS = 3_600_000;
/** Chance that one of all the keys in these disputes stands out where none of them is to blame. */
const CHANCE = 0.01;

/** Of all borders between two trainers, the shares that are borders of these. */
export function sharesOf({ deployment, owners }: Pick<RunState, 'deployment' | 'owners'>, keys: readonly string[]) {
  const borders = new Set<string>();
  for (const [from, { sends }] of deployment.needs.entries())
    for (const to of sends?.map((send) => send.to) ?? deployment.needs.keys())
      if (owners[from] !== owners[to]) borders.add(`${Math.min(from, to)}/${Math.max(from, to)}`);
  const of = (key: string): number =>
    [...borders].filter((border) => border.split('/').some((shard) => owners[Number(shard)] === key)).length;
  return keys.map((key) => of(key) / Math.max(1, borders.size));
}

/** @param disputes of one run */
export function standsOut(disputes: readonly Undecided[], key: string, now: number): boolean {
  const recent = disputes.filter(({ at }) => now - at < QUARREL_MS);
  const own = recent.filter(({ accuser, accused }) => accuser === key || accused === key);
  // With one other: either of the two may be to blame.
  if (new Set(own.map(({ accuser, accused }) => (accuser === key ? accused : accuser))).size < 2) return false;
  // Those of older versions say nothing of it.
  const share = Math.max(...own.map(({ accuser, shares }) => shares?.[accuser === key ? 0 : 1] ?? 1));
  const keys = new Set(recent.flatMap(({ accuser, accused }) => [accuser, accused])).size;
  return chanceOfAtLeast(own.length, recent.length, share) < CHANCE / keys;
}

/** That of `all` independent events, each with chance `p`, so many or more happen. */
export function chanceOfAtLeast(least: number, all: number, p: number): number {
  if (least <= 0 || p >= 1) return 1;
  let sum = 0;
  let ways = 1;
  for (let n = 0; n <= all; n++) {
    if (n >= least) sum += ways * p ** n * (1 - p) ** (all - n);
    ways = (ways * (all - n)) / (n + 1);
  }
  return Math.min(1, sum);
}
