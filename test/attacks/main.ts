/**
 * `npm run attacks [-- --short] [--only NAME]… [--seeds N] [--share PERCENT]… [--json]`: what a mesh does when some of its
 * trainers are bad. A row for each attack and each share of bad ones. Exits with 1 where a row misses what it has to reach.
 */
import { parseArgs } from 'node:util';
import { AUDITOR_HEAD, auditorAttacks, auditorCells, auditorRow, auditorsHold } from './auditors.ts';
import { behaviours } from './behaviours.ts';
import {
  clearGain,
  GAIN_HEAD,
  type Gain,
  gainCells,
  gainRow,
  gainsOf,
  keyRate,
  losesMoney,
  schemes,
} from './economics.ts';
import { isBounded, PAYMENT_HEAD, paymentAttacks, paymentCells, paymentRow } from './payments.ts';
import { cellsOf, HEAD, type Row, renderRows } from './rows.ts';
import { AttackSuite, FULL, SHORT } from './suite.ts';
import {
  isFoundEnough,
  SYNCHRONIZER_HEAD,
  synchronizerAttacks,
  synchronizerCells,
  synchronizerRow,
} from './synchronizers.ts';

/** In the short form. */
const SHORT_LIES = 10;

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
      json: { type: 'boolean', default: false },
    },
  });
  const unknown = (values.only ?? []).filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    console.error(`there is no ${unknown.join(', ')}; there are ${NAMES.join(', ')}`);
    return 2;
  }
  const size = values.short ? SHORT : FULL;
  const seeds = values.seeds === undefined ? size.seeds : Number(values.seeds);
  const shares = values.share?.map((percent) => Number(percent) / 100) ?? size.shares;
  const progress = (line: string): boolean => process.stderr.write(`  ${line}\n`);
  const suite = new AttackSuite({ ...size, seeds, shares, progress });
  const rows: Row[] = [];
  for (const behaviour of behaviours) {
    if (values.only && !values.only.includes(behaviour.name)) continue;
    const found = await suite.rowsOf(behaviour);
    rows.push(...found);
    if (values.json) for (const row of found) console.log(JSON.stringify(row));
  }
  const gains: Gain[] = [];
  for (const scheme of schemes) {
    if (values.only && !values.only.includes(scheme.name)) continue;
    const gain = values.short ? clearGain(scheme, keyRate) : gainsOf(scheme, seeds, keyRate);
    gains.push(gain);
    if (values.json) console.log(JSON.stringify(gainRow(gain)));
  }
  const auditors = auditorAttacks
    .filter(({ name }) => !values.only || values.only.includes(name))
    .flatMap((attack) => shares.map((share) => auditorRow(attack, share, { ...size, seeds })));
  if (values.json)
    for (const { attack, ...row } of auditors) console.log(JSON.stringify({ attack: attack.name, ...row }));
  const lies = synchronizerAttacks
    .filter(({ name }) => !values.only || values.only.includes(name))
    .map((attack) => synchronizerRow(attack, values.short ? SHORT_LIES : seeds));
  if (values.json) for (const { attack, ...row } of lies) console.log(JSON.stringify({ attack: attack.name, ...row }));
  const payments = paymentAttacks
    .filter(({ name }) => !values.only || values.only.includes(name))
    .map((attack) => paymentRow(attack, seeds));
  if (values.json)
    for (const { attack, ...row } of payments) console.log(JSON.stringify({ attack: attack.name, ...row }));
  if (!values.json) {
    if (rows.length > 0) process.stdout.write(renderRows(HEAD, rows.map(cellsOf)));
    if (auditors.length > 0) process.stdout.write(`\n${renderRows(AUDITOR_HEAD, auditors.map(auditorCells))}`);
    if (lies.length > 0) process.stdout.write(`\n${renderRows(SYNCHRONIZER_HEAD, lies.map(synchronizerCells))}`);
    if (gains.length > 0) process.stdout.write(`\n${renderRows(GAIN_HEAD, gains.map(gainCells))}`);
    if (payments.length > 0) process.stdout.write(`\n${renderRows(PAYMENT_HEAD, payments.map(paymentCells))}`);
  }
  return rows.every(holds) &&
    auditors.every(auditorsHold) &&
    lies.every(isFoundEnough) &&
    gains.every(losesMoney) &&
    payments.every(isBounded)
    ? 0
    : 1;
}

/** No honest trainer is punished, and replays say what was taken for granted. */
function holds({ punished, otherwise }: Row): boolean {
  return punished === 0 && otherwise === 0;
}

process.exitCode = await main(process.argv.slice(2));
