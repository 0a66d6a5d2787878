/**
 * Attacks on the ledger: each a way of working for a whole run, beside that of an honest trainer in the same place. The
 * formula says what it is expected to gain; playing it over many seeds says whether that is so.
 */
import { AUDIT_RATE } from '../../runtime/audit/draw.ts';
import { windowFor } from '../../runtime/ledger/window.ts';
import { auditRateOf } from '../../runtime/validation/audit-rate.ts';
import { Life, type RateOf, TRUSTED } from './life.ts';
import { COST } from './rows.ts';

export interface Scheme {
  readonly name: string;
  readonly what: string;
  /** Of what it gains beside honest work, in pays of a stretch. */
  readonly formula: string;
  readonly expected: (rules: Rules) => number;
  readonly play: (life: Life) => void;
  /** Share of its work that it saves in stretches that it does not compute rightly. */
  readonly saves: number;
}

export interface Rules {
  readonly q: number;
  readonly window: number;
  /** Of all stretches of the run. */
  readonly stretches: number;
  readonly cost: number;
}

/** Stretches of a run: five windows. */
export const STRETCHES = 5 * windowFor(AUDIT_RATE);
export const RULES: Rules = { q: AUDIT_RATE, window: windowFor(AUDIT_RATE), stretches: STRETCHES, cost: COST };

/** What one life gains, beside an honest one as long as it is there. */
export function gainOf(scheme: Scheme, seed: number, rateOf: RateOf): number {
  const life = new Life({ seed, stretches: STRETCHES, rateOf });
  scheme.play(life);
  const { honest, cheated } = life;
  const cost = COST * (honest + (1 - scheme.saves) * cheated);
  return life.end() - cost - (1 - COST) * STRETCHES;
}

/** Honest until it is trusted. @returns the key */
function trusted(life: Life): string {
  const key = life.newKey();
  while (life.left > 0 && life.lookedAt(key) < TRUSTED) life.work(key, 'honest');
  return key;
}

/** Cheats until it is excluded. */
function cheats(life: Life, key: string): void {
  while (life.left > 0 && !life.isExcluded(key)) life.work(key, 'cheats');
}

/** Of a key that cheats in all stretches at rate q: those that are paid before it is found the first time. */
const paidCheats = ({ q, window }: Rules): number => (1 - q) ** window / q;

/** Pending stretches that no audit has confirmed: all of them are withheld when one is found to be wrong. */
const bond = ({ q, window }: Rules): number => window * (1 - q);

/** Of such a key: honest stretches from before that are pending when it is found, at the x-th lie with q (1-q)^(x-1). */
function lostBond({ q, window }: Rules): number {
  let lost = 0;
  for (let x = 1; x < window; x++) lost += q * (1 - q) ** x * (window - x);
  return lost;
}

/** The same where only those since the last match are: each of the W - x is among them with (1-q)^i. */
function lostSinceMatch({ q, window }: Rules): number {
  let lost = 0;
  for (let x = 1; x < window; x++) lost += (1 - q) ** x * (1 - (1 - q) ** (window - x));
  return lost;
}

/** The gain of one that is trusted, and cheats in all stretches until it is excluded. */
function perKey(rules: Rules): number {
  const { q, cost } = rules;
  return paidCheats(rules) - lostBond(rules) - ((1 - cost) * 2) / q;
}

/** Stretches until a new key is trusted. */
function untilTrusted({ q }: Rules): number {
  let stretches = 0;
  for (let looked = 0; looked < TRUSTED; looked++)
    stretches += 1 / Math.max(q, auditRateOf({ looked, suspicion: 0 }, q));
  return stretches;
}

const isThere = (rules: Rules): number => -(1 - rules.cost) * rules.stretches;

export const schemes: readonly Scheme[] = [
  {
    ...{ name: 'copycat', what: 'sends what others have sent, from its first stretch on', saves: 1 },
    ...{ formula: '-(1 - c) T', expected: isThere },
    play: (life) => cheats(life, life.newKey()),
  },
  {
    ...{ name: 'key-churn', what: 'the same, with a new key whenever one is excluded', saves: 1 },
    ...{ formula: '-(1 - c) T', expected: isThere },
    play: (life) => {
      while (life.left > 0) cheats(life, life.newKey());
    },
  },
  {
    ...{ name: 'key-each', what: 'the same, with a new key for each stretch', saves: 1 },
    ...{ formula: '-(1 - c) T', expected: isThere },
    play: (life) => {
      while (life.left > 0) life.work(life.newKey(), 'cheats');
    },
  },
  {
    ...{ name: 'half-new', what: 'a new key every two stretches, of which it computes the first', saves: 1 },
    ...{ formula: '-(1 - c) T / 2', expected: (rules) => isThere(rules) / 2 },
    play: (life) => {
      while (life.left > 1) {
        const key = life.newKey();
        life.work(key, 'honest');
        life.work(key, 'cheats');
      }
    },
  },
  {
    ...{ name: 'after-match', what: 'cheats ten times after each audit that it has passed', saves: 1 },
    formula: 'K (c - q (1 - q) W), K = 10 / (1 / q + 10) of its stretches',
    expected: (rules) => {
      const lies = ((rules.stretches - untilTrusted(rules)) * 10) / (1 / rules.q + 10);
      return lies * (rules.cost - rules.q * bond(rules));
    },
    play: (life) => {
      const key = trusted(life);
      let seen = life.lookedAt(key);
      while (life.left > 0 && !life.isExcluded(key)) {
        if (life.lookedAt(key) === seen) {
          life.work(key, 'honest');
          continue;
        }
        seen = life.lookedAt(key);
        for (let i = 0; i < 10 && life.left > 0 && !life.isExcluded(key); i++) life.work(key, 'cheats');
      }
    },
  },
  {
    ...{ name: 'key-splitting', what: 'the same, with a new key every five stretches', saves: 1 },
    ...{ formula: '-(1 - c) T', expected: isThere },
    play: (life) => {
      while (life.left > 0) {
        const key = life.newKey();
        for (let i = 0; i < 5 && life.left > 0; i++) life.work(key, 'cheats');
      }
    },
  },
  {
    ...{ name: 'trust-first', what: 'honest until it is trusted, then cheats; then with the next key', saves: 1 },
    formula: '((1-q)^W / q - L - 2 (1 - c) / q) for each key, L = sum of q (1-q)^x (W - x)',
    expected: (rules) => (perKey(rules) * rules.stretches) / (untilTrusted(rules) + 2 / rules.q),
    play: (life) => {
      while (life.left > 0) cheats(life, trusted(life));
    },
  },
  {
    ...{ name: 'inherited', what: 'has bought a trusted key, and cheats with it', saves: 1 },
    formula: '(1-q)^W / q - L - (1 - c)(T - H)',
    expected: (rules) => paidCheats(rules) - lostBond(rules) - (1 - rules.cost) * (rules.stretches / 2),
    play: (life) => {
      const key = life.newKey();
      while (life.left > STRETCHES / 2) life.work(key, 'honest');
      cheats(life, key);
    },
  },
  {
    ...{ name: 'exit', what: 'honest, cheats in the last twenty stretches, and leaves', saves: 1 },
    formula: 'c K - (1 - (1-q)^K)(1 - q) W',
    expected: (rules) => exitGain(rules, 20),
    play: (life) => {
      const key = life.newKey();
      while (life.left > 20) life.work(key, 'honest');
      cheats(life, key);
    },
  },
  {
    ...{ name: 'now-and-then', what: 'trusted, and cheats in one stretch of twenty', saves: 1 },
    formula: 'p T (c - q (1 - q) W)',
    expected: (rules) => 0.05 * (rules.stretches - untilTrusted(rules)) * (rules.cost - rules.q * bond(rules)),
    play: (life) => {
      const key = trusted(life);
      while (life.left > 0 && !life.isExcluded(key)) life.work(key, life.chance() < 0.05 ? 'cheats' : 'honest');
    },
  },
  {
    ...{
      name: 'withheld-records',
      what: 'trusted, cheats until a record is asked for and keeps it back; then honest',
      saves: 1,
    },
    formula: '(1-q)^W / q - M - (1 - c) / q, M = sum of (1-q)^x (1 - (1-q)^(W - x))',
    expected: (rules) => paidCheats(rules) - lostSinceMatch(rules) - (1 - rules.cost) / rules.q,
    play: (life) => {
      const key = trusted(life);
      while (life.left > 0 && life.missingOf(key) === 0) life.work(key, 'withheld');
      while (life.left > 0) life.work(key, 'honest');
    },
  },
  {
    ...{ name: 'sleeper', what: 'a new key: honest until three audits have found it right, then eight lies', saves: 1 },
    formula: 'less than 0 for all numbers of audits and lies that were tried',
    expected: () => Number.NaN,
    play: (life) => {
      while (life.left > 0) {
        const key = life.newKey();
        while (life.left > 0 && life.lookedAt(key) < 3) life.work(key, 'honest');
        for (let lies = 0; lies < 8 && life.left > 0 && !life.isExcluded(key); lies++) life.work(key, 'cheats');
      }
    },
  },
  {
    ...{
      name: 'new-run',
      what: 'a key that is known from other runs lies in the first ten stretches of this one',
      saves: 1,
    },
    formula:
      'less than c - r (1 + k) < 0 for each lie behind k others, r = 1 / (1.2 + k); -(1 - c) T where two are found',
    expected: newRunGain,
    play: (life) => {
      const key = life.knownKey();
      for (let lies = 0; lies < 10; lies++) life.work(key, 'cheats');
      while (life.left > 0 && !life.isExcluded(key)) life.work(key, 'honest');
    },
  },
  {
    ...{ name: 'idle', what: 'is there, and has no shard', saves: 1 },
    ...{ formula: '-(1 - c) T', expected: isThere },
    play: (life) => {
      life.newKey();
    },
  },
];

/** Ten lies at the beginning of a run: one that is found withholds those before it, the second one ends the key. */
function newRunGain({ q, stretches, cost }: Rules, lies = 10, bare = 0, found = 0): number {
  if (found === 2) return -(1 - cost) * (stretches - 10 + lies);
  if (lies === 0) return 0;
  const rate = auditRateOf({ looked: TRUSTED, suspicion: 0, bare }, q);
  const next = { q, window: 0, stretches, cost };
  // Its own pay and that of all before it are lost, and what these have saved stays saved.
  const wrong = cost - 1 - bare + newRunGain(next, lies - 1, 0, found + 1);
  return rate * wrong + (1 - rate) * (cost + newRunGain(next, lies - 1, bare + 1, found));
}

/** Of K lies at the end one is found with a chance of 1 - (1-q)^K: then all that is pending is lost. */
function exitGain(rules: Rules, lies: number): number {
  const { q, cost } = rules;
  return cost * lies - (1 - (1 - q) ** lies) * bond(rules);
}

/** Lives of each scheme in the short form, between two looks and at most. */
const [SHORT_LIVES, MOST_SHORT_LIVES] = [40, 600];
/**
 * Standard errors by which a mean has to be below what honest work earns: of all seeds that were asked for, 2; where more
 * are played until it is clear, 3, which is beyond chance also at the worst of the fifteen looks.
 */
const [ERRORS, ERRORS_AT_A_LOOK] = [2, 3];

export interface Gain {
  readonly scheme: Scheme;
  readonly seeds: number;
  readonly mean: number;
  /** Standard error of the mean, and how many of them it has to be beyond. */
  readonly error: number;
  readonly errors: number;
}

/** @param gains of seeds that were chosen beforehand */
export function gainFrom(scheme: Scheme, gains: readonly number[]): Gain {
  return gainIn(scheme, gains, ERRORS);
}

/** So many lives that it is clear whether it gains or loses; what is not clear at last has not lost. */
export function clearGain(scheme: Scheme, rateOf: RateOf): Gain {
  const gains: number[] = [];
  let found = gainIn(scheme, gains, ERRORS_AT_A_LOOK);
  while (gains.length < MOST_SHORT_LIVES && !(Math.abs(found.mean) > found.errors * found.error)) {
    for (let i = 0; i < SHORT_LIVES; i++) gains.push(gainOf(scheme, gains.length + 1, rateOf));
    found = gainIn(scheme, gains, ERRORS_AT_A_LOOK);
  }
  return found;
}

function gainIn(scheme: Scheme, gains: readonly number[], errors: number): Gain {
  const seeds = gains.length;
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / seeds;
  const squares = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0);
  return { scheme, seeds, mean, errors, error: seeds < 2 ? Number.NaN : Math.sqrt(squares / (seeds - 1) / seeds) };
}

/** As the synchronizer has it, of a key that nobody finds suspicious. */
export const keyRate: RateOf = (looked, bare) => auditRateOf({ looked, suspicion: 0, bare }, AUDIT_RATE);

/** Beyond chance: an attack that gains as much as honest work is none. */
export function losesMoney({ mean, error, errors }: Gain): boolean {
  return mean + errors * (Number.isNaN(error) ? 0 : error) < 0;
}

export const GAIN_HEAD = ['attack', 'seeds', 'gain beside honest work', 'expected', 'formula'];

export function gainCells({ scheme, seeds, mean, error }: Gain): string[] {
  const { name, formula, expected } = scheme;
  return [
    name,
    String(seeds),
    `${mean.toFixed(1)} ± ${error.toFixed(1)}`,
    Number.isNaN(expected(RULES)) ? '-' : expected(RULES).toFixed(1),
    formula,
  ];
}

export function gainRow({ scheme: { name, formula, expected }, seeds, mean, error }: Gain): unknown {
  return { attack: name, seeds, gain: mean, error, expected: expected(RULES), formula };
}
