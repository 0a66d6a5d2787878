/**
 * `npm run examples [NAME…] [--data DIR] [--json]`: runs every file of dsl-examples by the one command in its header
 * and prints what it should reach beside what it reached. Exits with 1 when one misses. An example that needs data
 * from outside is run where `--data` or `$NMC_DATA` names the folder, and said to be left out where not.
 */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { removeFolder } from '../support/remove-folder.ts';
import { exampleHeader, type Header } from './example-header.ts';
import { jsonLines, plainEnvironment, runCommand } from './process.ts';
import { type Row, renderTable } from './row.ts';

const FOLDER = 'dsl-examples';

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { data: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  const given = values.data ?? process.env.NMC_DATA;
  const data = given === undefined ? undefined : resolve(given);
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.pcn'));
  const unknown = positionals.filter((name) => !files.includes(`${name}.pcn`));
  if (unknown.length > 0) {
    console.error(`there is no ${unknown.join(', ')} in ${FOLDER}`);
    return 2;
  }
  const started = performance.now();
  const rows: Row[] = [];
  for (const file of files) {
    const name = file.replace(/\.pcn$/, '');
    const header = exampleHeader(readFileSync(join(FOLDER, file), 'utf8'));
    if (!header || (positionals.length > 0 && !positionals.includes(name))) continue;
    process.stderr.write(`${name}: ${header.command.join(' ')}\n`);
    const row = await measure(name, header, data);
    rows.push(row);
    if (values.json) console.log(JSON.stringify(row));
  }
  const seconds = (performance.now() - started) / 1000;
  if (!values.json) process.stdout.write(`\n${renderTable(rows)}${seconds.toFixed(0)} s in all\n`);
  return rows.some((row) => row.holds === false) ? 1 : 0;
}

async function measure(name: string, { command, target, needsData }: Header, data: string | undefined): Promise<Row> {
  const row = { name, what: command.join(' '), target };
  if (needsData && data === undefined) return { ...row, measured: 'not run: its data lie outside (--data DIR)' };
  const folder = mkdtempSync(join(tmpdir(), 'nmc-example-'));
  try {
    const args = command.slice(1).map((word) => (word === 'DIR' ? (data ?? word) : word));
    const extra = command[1] === 'train' ? ['--out', join(folder, 'run')] : [];
    const nmc = resolve('dist/nmc.cjs');
    const end = await runCommand(process.execPath, [nmc, ...args, '--json', ...extra], { env: plainEnvironment() });
    if (end.code !== 0 && end.code !== 1) process.stderr.write(`${end.tail}\n`);
    const measured = `${reached(jsonLines(end.lines))}, ${end.seconds.toFixed(0)} s, exit ${end.code}`;
    return { ...row, measured, holds: end.code === 0 };
  } finally {
    removeFolder(folder);
  }
}

/** Results of the model's checks, and the speed of its training. */
function reached(events: readonly Record<string, unknown>[]): string {
  const done = events.find((event) => event.event === 'done');
  const checks = Array.isArray(done?.checks) ? (done.checks as readonly unknown[]) : [];
  const values = checks.flatMap((check) =>
    typeof check === 'object' && check !== null && 'value' in check && typeof check.value === 'number'
      ? [check.value.toPrecision(4)]
      : [],
  );
  const speed = events.filter((event) => event.event === 'epoch').at(-1)?.samplesPerSecond;
  const shown = values.length > 0 ? values.join(' · ') : done ? 'done' : 'failed';
  return typeof speed === 'number' ? `${shown}, ${Math.round(speed)} samples/s` : shown;
}

process.exitCode = await main(process.argv.slice(2));
