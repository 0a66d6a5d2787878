/** From what many seeds have found to one row of the table: an attack, and the share of bad trainers. */
import type { Behaviour } from './behaviours.ts';
import { BATCHES } from './network.ts';
import { type MeshOutcome, STRETCH } from './virtual-mesh.ts';

/** Of its pay, what work costs its trainer: an honest one keeps the rest. */
export const COST = 0.8;

/** What one seed has found. */
export interface Trial {
  /** Of each bad trainer that had a shard. */
  readonly caught: MeshOutcome['caught'];
  readonly punished: number;
  readonly honest: number;
  /** Against the run of the same seed without bad trainers; absent where numbers were not computed. */
  readonly accuracy?: { readonly clean: number; readonly attacked: number };
  readonly otherwise: readonly string[];
  readonly replayed: number;
  /** The call behind which values were no longer finite. */
  readonly broke?: number;
}

export interface Row {
  readonly attack: string;
  readonly share: number;
  readonly seeds: number;
  /** In words where it is not counted. */
  readonly detected?: number;
  /** Bad trainers that the share above is of. */
  readonly of: number;
  readonly steps?: number;
  readonly n: number;
  /** Accuracy, in points; the mean over seeds. */
  readonly lost?: number;
  /** Of an attacker, beside an honest trainer that does as many stretches, in pays of a call. */
  readonly profit?: number;
  readonly punished: number;
  readonly honest: number;
  /** Audits that numbers have confirmed, and those that they have not. */
  readonly replayed: number;
  readonly otherwise: number;
  /** Seeds whose values were no longer finite at some time. */
  readonly broke: number;
}

/** Chance that a stretch shows something of the attack. */
export function visible(acts: Behaviour['acts']): number {
  if (acts === 'all' || acts === 'late') return 1;
  if (acts === 'epoch-ends') return STRETCH / BATCHES;
  return 1 - (1 - acts.chance) ** STRETCH;
}

/** Stretches within which an audit finds one attacker of a hundred not: n = ln 0.01 / ln(1 - q p). */
export function theoretical(rate: number, acts: Behaviour['acts']): number {
  return Math.ceil(Math.log(0.01) / Math.log(1 - rate * visible(acts)));
}

export function rowOf(
  { name, saves, acts }: Pick<Behaviour, 'name' | 'saves' | 'acts'>,
  share: number,
  rate: number,
  trials: readonly Trial[],
): Row {
  const n = theoretical(rate, acts);
  const all = trials.flatMap(({ caught }) => caught);
  const known = all.filter(({ steps, stretches }) => (steps !== undefined && steps <= n) || stretches >= n);
  const found = known.filter(({ steps }) => steps !== undefined && steps <= n);
  const steps = all.flatMap((one) => one.steps ?? []);
  const losses = trials.flatMap(({ accuracy, broke }) =>
    accuracy && broke === undefined ? [100 * (accuracy.clean - accuracy.attacked)] : [],
  );
  const profits = all.map(({ paid }) => paid.granted - COST * (1 - saves) * worked(paid) - (1 - COST) * worked(paid));
  return {
    ...{ attack: name, share, seeds: trials.length, of: known.length, n },
    ...(known.length === 0 ? {} : { detected: found.length / known.length }),
    ...(steps.length === 0 ? {} : { steps: meanOf(steps) }),
    ...(losses.length === 0 ? {} : { lost: meanOf(losses) }),
    ...(profits.length === 0 ? {} : { profit: meanOf(profits) }),
    punished: sum(trials.map((t) => t.punished)),
    honest: sum(trials.map((t) => t.honest)),
    replayed: sum(trials.map((t) => t.replayed)),
    otherwise: sum(trials.map((t) => t.otherwise.length)),
    broke: trials.filter((t) => t.broke !== undefined).length,
  };
}

/** Calls that it has done, or has said that it has. */
function worked({ granted, withheld }: { readonly granted: number; readonly withheld: number }): number {
  return granted + withheld;
}

export function meanOf(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export const HEAD = [
  'attack',
  'bad',
  'seeds',
  'caught by n',
  'steps / n',
  'accuracy lost',
  'profit',
  'honest punished',
  'audits replayed',
];

export function cellsOf(row: Row): string[] {
  const points = (value: number | undefined, digits: number): string =>
    value === undefined ? '-' : value.toFixed(digits);
  return [
    row.attack,
    `${Math.round(100 * row.share)} %`,
    String(row.seeds),
    row.detected === undefined ? '-' : `${(100 * row.detected).toFixed(1)} % of ${row.of}`,
    row.steps === undefined ? `- / ${row.n}` : `${row.steps.toFixed(0)} / ${row.n}`,
    `${points(row.lost, 2)}${row.broke === 0 ? '' : `, ${row.broke} not finite`}`,
    points(row.profit, 1),
    `${row.punished} of ${row.honest}`,
    row.otherwise === 0 ? String(row.replayed) : `${row.replayed}, ${row.otherwise} OTHERWISE`,
  ];
}

export function renderRows(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
