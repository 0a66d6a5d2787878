/** Result of one measurement, and how it is shown. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface Row {
  readonly name: string;
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  /** Undefined: nothing was measured, and `measured` says why. */
  readonly holds?: boolean;
}

/** Measurements of a part, as cells. */
export interface Table {
  /** Of the part. */
  readonly name: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Context {
  /** The repository. */
  readonly root: string;
  /** Folder that holds `mnist/`; undefined when neither `--data` nor `$NMC_DATA` names one. */
  readonly data: string | undefined;
  /** Folder of graphs with `cuts.json`; undefined without `--graphs`. */
  readonly graphs: string | undefined;
  /** Folder of cases, which need not be there. */
  readonly cases: string;
  /** Folder of other libraries' scripts; undefined without `--peers`. */
  readonly peers: string | undefined;
  /** Tiny settings, to try the harness itself: rows then never count as measured. */
  readonly trial: boolean;
  /** Begin again where results of an earlier call could be kept. */
  readonly fresh: boolean;
  readonly progress: (line: string) => void;
  /** Shows a table in the report of a part, instead of its rows. */
  readonly table: (table: Table) => void;
}

/** `98.14 %` */
export const percentText = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** The folder of data, where it holds one of these. */
export function dataWith({ data }: Context, ...folders: readonly string[]): string | undefined {
  return data !== undefined && folders.some((folder) => existsSync(join(data, folder))) ? data : undefined;
}

export const noData = (folder: string): string => `no data (--data DIR or $NMC_DATA must hold ${folder}/)`;

/** One name on the command line: a piece of work that gives one row or more. */
export interface Part {
  readonly name: string;
  readonly what: string;
  /** How long it takes on two cores, for people. */
  readonly takes: string;
  readonly run: (context: Context) => Promise<readonly Row[]>;
}

export function notRun(name: string, what: string, target: string, reason: string): Row {
  return { name, what, target, measured: `${NOT_RUN}: ${reason}` };
}

const NOT_RUN = 'not run';
/** Target of what stands beside other rows, and of which nothing is asked. */
const SHOWN = 'shown';

export function verdict({ holds, target, measured }: Row): string {
  if (holds !== undefined) return holds ? 'holds' : 'MISSES';
  return target === SHOWN && !measured.startsWith(NOT_RUN) ? SHOWN : NOT_RUN;
}

/** Rows as a table with a line of totals. */
export function renderTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.name, row.what, row.target, row.measured, verdict(row)]);
  const all = [['name', 'what', 'target', 'measured', ''], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const count = (word: string): number => rows.filter((row) => verdict(row) === word).length;
  const shown = count(SHOWN) > 0 ? `, ${count(SHOWN)} shown` : '';
  return `${lines.join('\n')}\n\n${count('holds')} hold, ${count('MISSES')} miss, ${count(NOT_RUN)} not run${shown}\n`;
}
