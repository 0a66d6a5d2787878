/**
 * `npm run accept [NAME…] [--data DIR] [--graphs DIR] [--cases DIR] [--peers DIR] [--json] [--fresh] [--list] [--report]`: measures
 * what the product promises and prints a row for each promise. Without names everything runs, which takes hours; names
 * run some of it, and what takes long is kept. `NAME --report` also writes the tables of what was measured to
 * `docs/measurements.md`, with the day and the machine; `--report` alone measures nothing, and writes the newest table of
 * each part that was measured here. Exits with 1 when a row misses its target.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../spec/reason-of.ts';
import { keepResult, keptResults } from './kept-results.ts';
import { parts } from './parts/all.ts';
import { endChildrenWhenInterrupted } from './process.ts';
import { stampOf, tableOf, updateReport } from './report.ts';
import { type Context, type Part, type Row, renderTable, type Table } from './row.ts';

const PAGE = 'docs/measurements.md';

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      data: { type: 'string' },
      graphs: { type: 'string' },
      cases: { type: 'string' },
      peers: { type: 'string' },
      report: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      trial: { type: 'boolean', default: false },
    },
  });
  if (values.list) {
    for (const part of parts) console.log(`${part.name.padEnd(12)}${part.what} (${part.takes})`);
    return 0;
  }
  const unknown = positionals.filter((name) => partsOf(name).length === 0);
  if (unknown.length > 0) {
    console.error(`there is no ${unknown.join(', ')}; npm run accept -- --list names the parts`);
    return 2;
  }
  if (values.report && values.trial) {
    console.error('a trial measures nothing: leave --report or --trial out');
    return 2;
  }
  const root = process.cwd();
  if (values.report && positionals.length === 0) return reportKept(root);
  const stamp = stampOf(new Date());
  const own = new Map<string, Table>();
  mkdirSync(join(root, '.cache', 'acceptance'), { recursive: true });
  const data = values.data ?? process.env.NMC_DATA;
  const context: Context = {
    root,
    data: data === undefined ? undefined : resolve(data),
    graphs: values.graphs === undefined ? undefined : resolve(values.graphs),
    cases: resolve(values.cases ?? join(root, '..', 'shared', 'cases')),
    peers: values.peers === undefined ? undefined : resolve(values.peers),
    trial: values.trial,
    fresh: values.fresh,
    progress: (line) => process.stderr.write(`  ${line}\n`),
    table: (table) => own.set(table.name, table),
  };
  const named = new Set(positionals.flatMap(partsOf));
  const chosen = parts.filter((part) => positionals.length === 0 || named.has(part));
  const rows: Row[] = [];
  for (const part of chosen) {
    process.stderr.write(`${part.name}: ${part.what}\n`);
    const found = await measured(part, context);
    rows.push(...found);
    const table = own.get(part.name) ?? tableOf(part.name, found);
    if (table && !values.trial) keepResult(root, { stamp, table });
    if (values.report && table) writeReport(join(root, PAGE), table, stamp);
    if (values.json) for (const row of found) console.log(JSON.stringify(row));
  }
  if (!values.json) process.stdout.write(`\n${renderTable(rows)}`);
  return rows.some((row) => row.holds === false) ? 1 : 0;
}

/** The part of this name; where there is none, all whose names begin so: `nats` is `nats-store`, `nats-chaos` and others. */
function partsOf(name: string): readonly Part[] {
  const own = parts.filter((part) => part.name === name);
  return own.length > 0 ? own : parts.filter((part) => part.name.startsWith(`${name}-`));
}

/** What parts have measured here before. @returns the exit code */
function reportKept(root: string): number {
  const kept = keptResults(root);
  for (const { stamp, table } of kept) {
    writeReport(join(root, PAGE), table, stamp);
    console.log(`${table.name.padEnd(24)}${stamp}`);
  }
  if (kept.length === 0) console.error('nothing was measured here yet: npm run accept -- NAME');
  return kept.length === 0 ? 2 : 0;
}

/** After each part, so that a run that is interrupted has written what it measured. */
function writeReport(page: string, table: Table, stamp: string): void {
  writeFileSync(page, updateReport(readFileSync(page, 'utf8'), [table], stamp));
}

/** A part that breaks down is a row that misses. */
async function measured(part: Part, context: Context): Promise<readonly Row[]> {
  try {
    return await part.run(context);
  } catch (error) {
    const message = reasonOf(error);
    context.progress(message);
    return [
      { name: part.name, what: part.what, target: 'to run', measured: message.split('\n')[0] ?? '', holds: false },
    ];
  }
}

endChildrenWhenInterrupted();
process.exitCode = await main(process.argv.slice(2));
