/** A mesh under attack: what is found, what it costs the model, and what attackers gain (`npm run attacks` shows all rows). */
import { behaviours } from '../../attacks/behaviours.ts';
import {
  clearGain,
  GAIN_HEAD,
  type Gain,
  gainCells,
  gainFrom,
  keyRate,
  losesMoney,
  schemes,
} from '../../attacks/economics.ts';
import { foundOf, keptTrials } from '../../attacks/kept-trials.ts';
import { type Row as AttackRow, cellsOf, HEAD, meanOf, renderRows, rowOf } from '../../attacks/rows.ts';
import { AttackSuite, FULL, SHARES, SHORT } from '../../attacks/suite.ts';
import { schemeName, workName } from '../../attacks/trials.ts';
import { type Context, type Part, percentText, type Row } from '../row.ts';

export const attackParts: readonly Part[] = [
  { name: 'attacks-work', what: 'trainers that are lazy or poison', takes: 'an hour, in pieces', run: work },
  { name: 'attacks-money', what: 'schemes against the ledger', takes: 'a minute', run: money },
];

const DETECTED = 0.98;
const POINTS = 1;
const SHARE = 0.2;

async function work(context: Context): Promise<readonly Row[]> {
  const rows = context.trial ? await shortRows() : await keptRows(context);
  const seeds = Math.min(...rows.map((row) => row.seeds));
  context.table({ name: 'attacks-work', head: HEAD, rows: rows.map(cellsOf) });
  context.progress(`\n${renderRows(HEAD, rows.map(cellsOf))}`);
  const full = rows.filter(({ attack }) => isFull(attack));
  const [found, of] = [0, 0].map((_, i) => full.reduce((n, r) => n + (i === 0 ? (r.detected ?? 0) * r.of : r.of), 0));
  const share = (found ?? 0) / (of ?? 1);
  const losses = rows
    .filter((row) => row.share === SHARE)
    .flatMap(({ lost, broke }) => (broke > 0 ? [100] : (lost ?? [])));
  const worst = Math.max(...losses);
  const punished = rows.reduce((n, row) => n + row.punished, 0);
  const otherwise = rows.reduce((n, row) => n + row.otherwise, 0);
  const measured = (holds: boolean): { readonly holds?: boolean } => (context.trial ? {} : { holds });
  return [
    {
      name: 'attacks-work',
      what: `trainers that are bad in every stretch are found within n = ln 0.01 / ln(1 - q p) of them, ${seeds} seeds`,
      target: `at least ${percentText(DETECTED)}`,
      measured: `${percentText(share)} of ${of}`,
      ...measured(share >= DETECTED),
    },
    {
      name: 'attacks-work',
      what: 'accuracy that a fifth of bad trainers costs, the worst attack',
      target: `at most ${POINTS} point`,
      measured:
        worst === 100
          ? 'values that are no longer finite'
          : `${worst.toFixed(2)}, ${meanOf(losses).toFixed(2)} on average`,
      ...measured(worst <= POINTS),
    },
    {
      name: 'attacks-work',
      what: 'honest trainers that were punished; audits of which a replay says otherwise',
      target: '0; 0',
      measured: `${punished}; ${otherwise}`,
      ...measured(punished === 0 && otherwise === 0),
    },
  ];
}

/** Seeds that `npm run attacks` has tried count, and the other way round. */
async function keptRows({ root, fresh, progress }: Context): Promise<AttackRow[]> {
  const only = behaviours.map(({ name }) => name);
  const found = await keptTrials({ seeds: FULL.seeds, shares: SHARES, only }, { root, fresh, progress });
  return behaviours.flatMap((behaviour) =>
    SHARES.map((share) => rowOf(behaviour, share, FULL.rate, foundOf(found, workName(behaviour, share)))),
  );
}

async function shortRows(): Promise<AttackRow[]> {
  const suite = new AttackSuite(SHORT);
  const rows: AttackRow[] = [];
  for (const behaviour of behaviours) for (const share of SHORT.shares) rows.push(await suite.rowOf(behaviour, share));
  return rows;
}

function isFull(attack: string): boolean {
  const acts = behaviours.find(({ name }) => name === attack)?.acts;
  return acts === 'all' || acts === 'late';
}

async function money(context: Context): Promise<readonly Row[]> {
  const gains = context.trial ? schemes.map((scheme) => clearGain(scheme, keyRate)) : await keptGains(context);
  context.table({ name: 'attacks-money', head: GAIN_HEAD, rows: gains.map(gainCells) });
  context.progress(`\n${renderRows(GAIN_HEAD, gains.map(gainCells))}`);
  const winning = gains.filter((gain) => !losesMoney(gain)).map(({ scheme }) => scheme.name);
  return [
    {
      name: 'attacks-money',
      what: `schemes that gain as much as honest work, or more`,
      target: 'none',
      measured: winning.length === 0 ? `none of ${gains.length}` : winning.join(', '),
      ...(context.trial ? {} : { holds: winning.length === 0 }),
    },
  ];
}

async function keptGains({ root, fresh, progress }: Context): Promise<Gain[]> {
  const only = schemes.map(({ name }) => name);
  const found = await keptTrials({ seeds: FULL.seeds, shares: SHARES, only }, { root, fresh, progress });
  return schemes.map((scheme) => gainFrom(scheme, foundOf(found, schemeName(scheme))));
}
