/**
 * `docs/measurements.md`: prose with a table for each part between `<!-- measured: NAME -->` and `<!-- end -->`. A run
 * replaces the tables of what it measured; all others keep theirs, with the day and the machine they come from.
 */
import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from 'node:os';
import { type Row, type Table, verdict } from './row.ts';

const BLOCK = /<!-- measured: (\S+) -->\n([\s\S]*?)<!-- end -->\n/g;
const HEADING = '## Measured lately';

/** Rows of a part as a table; nothing where none of them was measured. */
export function tableOf(name: string, rows: readonly Row[]): Table | undefined {
  if (rows.every(({ holds }) => holds === undefined)) return undefined;
  const cells = rows.map((row) => [row.what, row.measured, row.target, verdict(row)]);
  return { name, head: ['what', 'measured', 'target', ''], rows: cells };
}

/** @param stamp when and where the tables were measured, one sentence */
export function updateReport(page: string, tables: readonly Table[], stamp: string): string {
  const found = new Map(tables.map((table) => [table.name, block(table, stamp)]));
  const replaced = page.replaceAll(BLOCK, (old, name: string) => {
    const text = found.get(name) ?? old;
    found.delete(name);
    return text;
  });
  if (found.size === 0) return replaced;
  const heading = replaced.includes(`${HEADING}\n`) ? '' : `\n${HEADING}\n`;
  return `${replaced}${heading}${[...found.values()].map((text) => `\n${text}`).join('')}`;
}

/** The tables of a page: their stamps and their lines. */
export function tablesOf(page: string): { readonly name: string; readonly stamp: string; readonly lines: string[] }[] {
  return [...page.matchAll(BLOCK)].map(([, name = '', text = '']) => {
    const [stamp = '', , ...lines] = text.trimEnd().split('\n');
    return { name, stamp, lines };
  });
}

function block({ name, head, rows }: Table, stamp: string): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(plain).join(' | ')} |`;
  const lines = [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)];
  return `<!-- measured: ${name} -->\n${stamp}\n\n${lines.join('\n')}\n<!-- end -->\n`;
}

/** A cell of one line, without marks that would end it. */
function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim();
}

/** `Measured 2026-11-29 on …`: the day, the machine, and what else it had to do. */
export function stampOf(now: Date): string {
  const processor = cpus()[0]?.model.replaceAll(/\s+/g, ' ').trim() ?? 'unknown processor';
  const gigabytes = Math.round(totalmem() / 1e9);
  const machine = `${processor}, ${availableParallelism()} cores, ${gigabytes} GB, ${platform()}-${arch()}`;
  const load = platform() === 'win32' ? '' : `, load ${(loadavg()[0] ?? 0).toFixed(1)} at the start`;
  return `Measured ${now.toISOString().slice(0, 10)} on ${machine}, Node ${process.versions.node}${load}.`;
}
