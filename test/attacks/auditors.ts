/** Trainers that lie about stretches of others: a row for each way, with the number of audits within which it is found. */
import { AGAIN_SHARE } from '../../runtime/audit/auditors.ts';
import { MAX_WAITING } from '../../runtime/roles/auditor.ts';
import { MAX_LEFT } from '../../runtime/roles/auditors.ts';
import { meanOf } from './rows.ts';
import { attackedMesh, type MeshOptions } from './virtual-mesh.ts';

export interface AuditorAttack {
  readonly name: string;
  readonly what: string;
  readonly says: NonNullable<MeshOptions['says']>;
  /** Its own work is as it has to be. */
  readonly works: boolean;
  /**
   * Chance that one audit shows the lie. @param share of all trainers that are bad
   */
  readonly shown: (share: number) => number;
  /** Audits within which it is found in any case; absent: as chance has it. */
  readonly within?: number;
}

/** Of each stretch, whatever it was. */
const SAYS_WRONG = (): 'mismatch' => 'mismatch';

export const auditorAttacks: readonly AuditorAttack[] = [
  {
    ...{ name: 'false-mismatch', what: 'says of all stretches of others that they are wrong', works: true },
    says: SAYS_WRONG,
    // The synchronizer does again what is said to be wrong.
    shown: () => 1,
  },
  {
    ...{ name: 'lazy-auditor', what: 'computes nothing, and says what it guesses: it was told no hash', works: true },
    says: SAYS_WRONG,
    shown: () => 1,
  },
  {
    ...{
      name: 'colluding-auditor',
      what: 'lies in its own stretches, and clears those of the others that lie',
      works: false,
    },
    says: (isOfBad, isRight) => (isOfBad || isRight ? 'match' : 'mismatch'),
    shown: (share) => 1 - share * (1 - AGAIN_SHARE),
  },
  {
    ...{ name: 'silent-auditor', what: 'does not answer in time, or refuses, whenever it is asked', works: true },
    says: () => undefined,
    shown: () => 1,
    // It loses its place; some are under way meanwhile.
    within: MAX_LEFT + MAX_WAITING,
  },
];

export interface AuditorRow {
  readonly attack: AuditorAttack;
  readonly share: number;
  readonly seeds: number;
  /** Of those that had the time for it; absent: there was none, or nothing is to be found. */
  readonly detected?: number;
  readonly of: number;
  /** Audits that it did, or stretches that it made, until it was found: on average, and by chance at most in 99 of 100. */
  readonly steps?: number;
  readonly n: number;
  /** Pays of a call that it has less than an honest trainer that has done as many. */
  readonly withheld: number;
  readonly punished: number;
  readonly honest: number;
}

export interface AuditorSize {
  readonly epochs: number;
  /** Of audits. */
  readonly rate: number;
}

/** More audits than by default, since trainers are asked for a part of them: the numbers beside n stay what they are. */
export const FULL_AUDITORS: AuditorSize = { epochs: 16, rate: 0.1 };

/** What one seed has found. */
export interface AuditorTrial {
  /** Of each bad trainer: audits that it was asked for, or stretches of its own, and behind how many it was found. */
  readonly all: readonly { readonly looked: number; readonly steps?: number; readonly withheld: number }[];
  readonly punished: number;
  readonly honest: number;
}

export function auditorTrial(
  { says, works }: Pick<AuditorAttack, 'says' | 'works'>,
  share: number,
  seed: number,
  { epochs, rate }: AuditorSize,
): AuditorTrial {
  const outcome = attackedMesh({ seed, epochs, rate, share, acts: 'all', says, works, brief: true });
  const { auditors, caught, punished, honest } = outcome;
  // One is found by what it says of others, or by its own stretches.
  const all = works
    ? auditors.map(({ asked, found, paid }) => ({ looked: asked, steps: found, withheld: paid.withheld }))
    : caught.map(({ stretches, steps, paid }) => ({ looked: stretches, steps, withheld: paid.withheld }));
  return {
    all: all.map(({ steps, ...one }) => (steps === undefined ? one : { ...one, steps })),
    punished,
    honest,
  };
}

/** @param rate of audits */
export function auditorRow(
  attack: AuditorAttack,
  share: number,
  rate: number,
  trials: readonly AuditorTrial[],
): AuditorRow {
  const { works, shown, within } = attack;
  const chance = works ? shown(share) : rate * shown(share);
  const n =
    within ??
    (chance === 1 ? 1 : chance === 0 ? Number.POSITIVE_INFINITY : Math.ceil(Math.log(0.01) / Math.log(1 - chance)));
  const all = trials.flatMap((trial) => trial.all);
  const known = all.filter(({ looked, steps }) => (steps !== undefined && steps <= n) || looked >= n);
  const found = known.filter(({ steps }) => steps !== undefined && steps <= n);
  const steps = all.flatMap((one) => one.steps ?? []);
  return {
    ...{ attack, share, seeds: trials.length, n, of: known.length },
    ...(known.length === 0 ? {} : { detected: found.length / known.length }),
    ...(steps.length === 0 ? {} : { steps: meanOf(steps) }),
    withheld: all.length === 0 ? 0 : meanOf(all.map(({ withheld }) => withheld)),
    punished: trials.reduce((sum, { punished }) => sum + punished, 0),
    honest: trials.reduce((sum, { honest }) => sum + honest, 0),
  };
}

/** At a hundredth of chance a share of 1 - n-th power is found by n; three standard errors below it are still chance. */
export function auditorsHold({ attack, detected, of, punished }: AuditorRow): boolean {
  const least = 0.99 - 3 * Math.sqrt((0.99 * 0.01) / Math.max(1, of));
  const isFound = attack.shown(0) === 0 || (detected !== undefined && detected >= least);
  return punished === 0 && isFound;
}

export const AUDITOR_HEAD = [
  'attack of auditors',
  'bad',
  'seeds',
  'caught by n',
  'audits / n',
  'withheld',
  'honest punished',
];

export function auditorCells({ attack, share, seeds, detected, of, steps, n, withheld, ...row }: AuditorRow): string[] {
  return [
    attack.name,
    `${Math.round(100 * share)} %`,
    String(seeds),
    detected === undefined ? '-' : `${(100 * detected).toFixed(1)} % of ${of}`,
    `${steps === undefined ? '-' : steps.toFixed(1)} / ${Number.isFinite(n) ? n : '-'}`,
    withheld.toFixed(1),
    `${row.punished} of ${row.honest}`,
  ];
}
