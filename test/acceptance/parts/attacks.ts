/** A mesh under attack: what is found, what it costs the model, and what attackers gain (`npm run attacks` shows all rows). */
import { behaviours } from '../../attacks/behaviours.ts';
import { clearGain, GAIN_HEAD, gainCells, gainsOf, keyRate, losesMoney, schemes } from '../../attacks/economics.ts';
import { type Row as AttackRow, cellsOf, HEAD, meanOf, renderRows, type Trial } from '../../attacks/rows.ts';
import { AttackSuite, FULL, SHORT } from '../../attacks/suite.ts';
import { KeptRows } from '../kept-rows.ts';
import { type Context, type Part, percentText, type Row } from '../row.ts';

export const attackParts: readonly Part[] = [
  { name: 'attacks-work', what: 'trainers that are lazy or poison', takes: '4 hours', run: work },
  { name: 'attacks-money', what: 'schemes against the ledger', takes: 'a minute', run: money },
];

const DETECTED = 0.98;
const POINTS = 1;
const SHARE = 0.2;

async function work(context: Context): Promise<readonly Row[]> {
  const size = context.trial ? SHORT : FULL;
  const kept = new KeptRows<Trial>(context, 'attacks');
  const suite = new AttackSuite({
    ...size,
    known: (name) => kept.get(name),
    found: (name, trial) => kept.keep(name, trial),
    progress: context.progress,
  });
  const rows: AttackRow[] = [];
  for (const behaviour of behaviours) rows.push(...(await suite.rowsOf(behaviour)));
  kept.done();
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
      what: `trainers that are bad in every stretch are found within n = ln 0.01 / ln(1 - q p) of them, ${size.seeds} seeds`,
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

function isFull(attack: string): boolean {
  const acts = behaviours.find(({ name }) => name === attack)?.acts;
  return acts === 'all' || acts === 'late';
}

async function money(context: Context): Promise<readonly Row[]> {
  const gains = schemes.map((scheme) =>
    context.trial ? clearGain(scheme, keyRate) : gainsOf(scheme, FULL.seeds, keyRate),
  );
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
