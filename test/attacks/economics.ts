/**
 * Attacks on the ledger: each a way of working for a whole run, beside that of an honest trainer in the same place. The
 * formula says what it is expected to gain; playing it over many seeds says whether that is so.
 */
import { AUDIT_RATE } from '../../runtime/audit/draw.ts';
import { windowFor } from '../../runtime/ledger/window.ts';
import { Life } from './life.ts';
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
export function gainOf(scheme: Scheme, seed: number, rateOf: (looked: number) => number): number {
  const life = new Life({ seed, stretches: STRETCHES, rateOf });
  scheme.play(life);
  const { honest, cheated } = life;
  const cost = COST * (honest + (1 - scheme.saves) * cheated);
  return life.end() - cost - (1 - COST) * STRETCHES;
}

/** Audits that have found it right, behind which a key is looked at no more often than any other. */
const TRUSTED = 4;

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
const paidCheats = ({ q, window }: Rules, rate = q): number => (1 - rate) ** window / rate;

/**
 * Honest stretches that one mismatch withholds: as many as lie between it and the last match, of those that are pending.
 * The number of both together is geometric, so of W that are pending it is the sum over x of q (1-q)^(x-1) (1-(1-q)^(W-x))/q.
 */
function lostHonest({ q, window }: Rules): number {
  let lost = 0;
  for (let x = 1; x < window; x++) lost += (1 - q) ** (x - 1) * (1 - (1 - q) ** (window - x)) * (1 - q);
  return lost;
}

/** The gain of one that is trusted, cheats in all stretches until it is excluded, and does so again with another key. */
function perCycle(rules: Rules): number {
  const { q, cost } = rules;
  return paidCheats(rules) - lostHonest(rules) - ((1 - cost) * 2) / q;
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
    formula: '((1-q)^W / q - L - 2 (1 - c) / q) for each key',
    expected: perCycle,
    play: (life) => {
      while (life.left > 0) cheats(life, trusted(life));
    },
  },
  {
    ...{ name: 'inherited', what: 'has bought a trusted key, and cheats with it', saves: 1 },
    formula: '(1-q)^W / q - L - (1 - c)(T - H)',
    expected: (rules) => paidCheats(rules) - lostHonest(rules) - (1 - rules.cost) * (rules.stretches / 2),
    play: (life) => {
      const key = life.newKey();
      while (life.left > STRETCHES / 2) life.work(key, 'honest');
      cheats(life, key);
    },
  },
  {
    ...{ name: 'exit', what: 'honest, cheats in the last twenty stretches, and leaves', saves: 1 },
    formula: 'c K - (1 - (1-q)^K)(L + K)',
    expected: (rules) => exitGain(rules, 20),
    play: (life) => {
      const key = life.newKey();
      while (life.left > 20) life.work(key, 'honest');
      cheats(life, key);
    },
  },
  {
    ...{ name: 'now-and-then', what: 'trusted, and cheats in one stretch of twenty', saves: 1 },
    formula: 'p T (c - 1 + (1-q)^W)',
    expected: ({ q, window, stretches, cost }) => 0.05 * stretches * (cost - 1 + (1 - q) ** window),
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
    formula: 'c / q - 1',
    expected: ({ q, cost }) => cost / q - 1,
    play: (life) => {
      const key = trusted(life);
      while (life.left > 0 && life.missingOf(key) === 0) life.work(key, 'withheld');
      while (life.left > 0) life.work(key, 'honest');
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

/** Of K cheats at the end one is found with a chance of 1 - (1-q)^K: then all since the last match is lost. */
function exitGain(rules: Rules, cheated: number): number {
  const { q, window, cost } = rules;
  const found = 1 - (1 - q) ** cheated;
  const before = (1 - (1 - q) ** window) / q;
  return cost * cheated - found * (before + cheated / 2);
}

/** Lives of each scheme in the short form. */
export const SHORT_LIVES = 40;

export interface Gain {
  readonly scheme: Scheme;
  readonly seeds: number;
  readonly mean: number;
  /** Standard error of the mean. */
  readonly error: number;
}

export function gainsOf(scheme: Scheme, seeds: number, rateOf: (looked: number) => number): Gain {
  const gains = Array.from({ length: seeds }, (_, seed) => gainOf(scheme, seed + 1, rateOf));
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / seeds;
  const squares = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0);
  return { scheme, seeds, mean, error: seeds < 2 ? Number.NaN : Math.sqrt(squares / (seeds - 1) / seeds) };
}

/** At which a key is audited of which so many stretches were done again. */
export function keyRate(_looked: number): number {
  return AUDIT_RATE;
}

/** Beyond chance: an attack that gains as much as honest work is none. */
export function losesMoney({ mean, error }: Gain): boolean {
  return mean + 2 * (Number.isNaN(error) ? 0 : error) < 0;
}

export const GAIN_HEAD = ['attack', 'seeds', 'gain beside honest work', 'expected', 'formula'];

export function gainCells({ scheme, seeds, mean, error }: Gain): string[] {
  const { name, formula, expected } = scheme;
  return [name, String(seeds), `${mean.toFixed(1)} ± ${error.toFixed(1)}`, expected(RULES).toFixed(1), formula];
}

export function gainRow({ scheme: { name, formula, expected }, seeds, mean, error }: Gain): unknown {
  return { attack: name, seeds, gain: mean, error, expected: expected(RULES), formula };
}
