/**
 * `npm run attacks [-- --short] [--only NAME]… [--seeds N] [--share PERCENT]… [--minutes N] [--fresh] [--json]`: what a mesh
 * does when some of its trainers are bad. A row for each attack and each share of bad ones. What was found is kept, seed by
 * seed: begun again, or with more seeds, it goes on behind that. Exits with 1 where a row misses what it has to reach.
 */
import { parseArgs } from 'node:util';
import { auditorAttacks, auditorRow, FULL_AUDITORS } from './auditors.ts';
import { behaviours } from './behaviours.ts';
import { gainFrom, schemes } from './economics.ts';
import { foundOf, type KeptOptions, keptTrials } from './kept-trials.ts';
import { paymentAttacks, paymentRow } from './payments.ts';
import { rowOf } from './rows.ts';
import { shortTables } from './short-tables.ts';
import { FULL, SHARES } from './suite.ts';
import { synchronizerAttacks, synchronizerRow } from './synchronizers.ts';
import { allHold, printJson, rendered, type Tables } from './tables.ts';
import { auditorName, lieName, paymentName, schemeName, type Wanted, workName } from './trials.ts';

const NAMES: readonly string[] = [
  ...behaviours,
  ...auditorAttacks,
  ...synchronizerAttacks,
  ...schemes,
  ...paymentAttacks,
].map(({ name }) => name);

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      seeds: { type: 'string' },
      share: { type: 'string', multiple: true },
      minutes: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const unknown = (values.only ?? []).filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    console.error(`there is no ${unknown.join(', ')}; there are ${NAMES.join(', ')}`);
    return 2;
  }
  const { only } = values;
  const progress = (line: string): boolean => process.stderr.write(`  ${line}\n`);
  const shares = values.share?.map((percent) => Number(percent) / 100);
  const seeds = values.seeds === undefined ? undefined : Number(values.seeds);
  const minutes = values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes);
  if (![seeds ?? 1, minutes, ...(shares ?? [])].every((number) => number > 0)) {
    console.error('--seeds, --minutes and --share want numbers above 0');
    return 2;
  }
  const some = { ...(only ? { only } : {}) };
  const tables = values.short
    ? await shortTables({ ...some, ...(seeds ? { seeds } : {}), ...(shares ? { shares } : {}) })
    : await fullTables(
        { seeds: seeds ?? FULL.seeds, shares: shares ?? SHARES, ...some },
        { root: process.cwd(), fresh: values.fresh, isTimeUp: timeUpIn(minutes), progress },
      );
  if (values.json) printJson(tables);
  else process.stdout.write(rendered(tables));
  return allHold(tables) ? 0 : 1;
}

function timeUpIn(minutes: number): () => boolean {
  const begun = performance.now();
  return () => performance.now() - begun > 60_000 * minutes;
}

/** Of all seeds for which there was time, now or before. */
async function fullTables(wanted: Wanted, options: KeptOptions): Promise<Tables> {
  const found = await keptTrials(wanted, options);
  const counts = [...found.values()].map((values) => values.length);
  options.progress?.(`stands on ${Math.min(...counts)} to ${Math.max(...counts)} of ${wanted.seeds} seeds`);
  const has = (name: string): boolean => foundOf(found, name).length > 0;
  return {
    work: behaviours.flatMap((one) =>
      wanted.shares
        .filter((share) => has(workName(one, share)))
        .map((share) => rowOf(one, share, FULL.rate, foundOf(found, workName(one, share)))),
    ),
    auditors: auditorAttacks.flatMap((one) =>
      wanted.shares
        .filter((share) => has(auditorName(one, share)))
        .map((share) => auditorRow(one, share, FULL_AUDITORS.rate, foundOf(found, auditorName(one, share)))),
    ),
    lies: synchronizerAttacks
      .filter((one) => has(lieName(one)))
      .map((one) => synchronizerRow(one, foundOf(found, lieName(one)))),
    gains: schemes.filter((one) => has(schemeName(one))).map((one) => gainFrom(one, foundOf(found, schemeName(one)))),
    payments: paymentAttacks
      .filter((one) => has(paymentName(one)))
      .map((one) => paymentRow(one, foundOf(found, paymentName(one)))),
  };
}

process.exitCode = await main(process.argv.slice(2));
