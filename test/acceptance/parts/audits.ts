/** Audits of honest work: whether any trainer is ever punished, and what audits cost. */
import { cellName, type HonestCell, type HonestCounts, honestAudits, honestCells } from '../../mesh/honest-audits.ts';
import { KeptRows } from '../kept-rows.ts';
import { type Context, type Part, percentText, type Row } from '../row.ts';

const AUDITS = 10_000;
const TRIAL_AUDITS = 60;
const EPOCHS = 10;
const MAX_INCONCLUSIVE = 0.01;

/** Trainers, and the auditors of all that they compute. */
const DEVICES: readonly Pick<HonestCell, 'device' | 'auditors'>[] = [
  { device: 'reference', auditors: ['reference', 'cpu 1', 'swiftshader'] },
  { device: 'cpu 1', auditors: ['cpu 1', 'reference', 'cpu 2'] },
  { device: 'cpu 2', auditors: ['cpu 2'] },
  { device: 'swiftshader', auditors: ['swiftshader', 'reference', 'cpu 1'] },
];

export const auditsPart: Part = {
  name: 'audits',
  what: 'no honest trainer is punished in 10,000 audits, on and between devices, with trainers that come and go',
  takes: 'a quarter of an hour',
  run: measured,
};

/** Of a cell, with the largest distance from what was allowed. */
interface CellCounts extends HonestCounts {
  readonly apart: number;
}

/** What one auditor has found of a cell. */
interface PairCounts {
  readonly cell: HonestCell;
  readonly auditor: HonestCell['device'];
  readonly counts: CellCounts;
}

async function measured(context: Context): Promise<readonly Row[]> {
  const cells = honestCells(DEVICES);
  const all = context.trial ? TRIAL_AUDITS : AUDITS;
  const pairs = cells.reduce((sum, { auditors }) => sum + auditors.length, 0);
  const kept = new KeptRows<readonly CellCounts[]>(context, 'audits');
  const found: PairCounts[] = [];
  for (const cell of cells) {
    const name = cellName(cell);
    const counts = kept.get(name) ?? (await audited(cell, Math.ceil(all / pairs), context));
    if (!context.trial) kept.keep(name, counts);
    found.push(...counts.map((of, i) => ({ cell, auditor: cell.auditors[i] ?? cell.device, counts: of })));
    const sum = (of: (counts: CellCounts) => number): number => counts.reduce((n, c) => n + of(c), 0);
    context.progress(
      `${name}: ${sum((c) => c.audits)} audits, ${sum((c) => c.inconclusive)} inconclusive, ${sum((c) => c.punished)} punished`,
    );
  }
  if (!context.trial) kept.done();
  context.table({
    name: 'audits',
    head: ['trainer by auditor', 'audits', 'match', 'inconclusive', 'punished', 'most of what is allowed'],
    rows: DEVICES.flatMap(({ device, auditors }) => auditors.map((auditor) => rowOf(device, auditor, found))),
  });
  const counts = found.map((pair) => pair.counts);
  const sum = (of: (counts: CellCounts) => number): number => counts.reduce((n, c) => n + of(c), 0);
  const [audits, punished, inconclusive] = [sum((c) => c.audits), sum((c) => c.punished), sum((c) => c.inconclusive)];
  const share = inconclusive / Math.max(1, audits);
  return [
    {
      name: 'audits-honest',
      what: `${audits} audits of honest work: ${pairs} settings of devices, borders, schedules and disturbances`,
      target: `0 punished, inconclusive <= ${percentText(MAX_INCONCLUSIVE)}`,
      measured: `${punished} punished, ${percentText(share)} inconclusive`,
      ...(context.trial ? {} : { holds: punished === 0 && share <= MAX_INCONCLUSIVE && audits >= AUDITS }),
    },
  ];
}

async function audited({ auditors, ...rest }: HonestCell, wanted: number, context: Context): Promise<CellCounts[]> {
  const cell: HonestCell = { auditors, ...rest };
  let counts: CellCounts[] = auditors.map(() => ({
    ...{ audits: 0, match: 0, mismatch: 0, undelivered: 0, inconclusive: 0, punished: 0, apart: 0 },
    why: [],
  }));
  for (let seed = 1; counts.some(({ audits }) => audits < wanted); seed++) {
    const more = await honestAudits(cell, seed, context.trial ? 1 : EPOCHS);
    if (more.some(({ audits }) => audits === 0)) throw new Error(`${cellName(cell)}: nothing was audited`);
    counts = counts.map((of, i) => added(of, more[i] ?? of));
  }
  return counts;
}

function added(a: CellCounts, b: HonestCounts): CellCounts {
  // Of those that were compared within a bound it says how much of it was needed.
  const shares = b.why.flatMap((why) => Number(/: (\S+) of what they may be apart$/.exec(why)?.[1] ?? 0));
  return {
    audits: a.audits + b.audits,
    match: a.match + b.match,
    mismatch: a.mismatch + b.mismatch,
    undelivered: a.undelivered + b.undelivered,
    inconclusive: a.inconclusive + b.inconclusive,
    punished: a.punished + b.punished,
    apart: Math.max(a.apart, ...shares),
    why: [...new Set([...a.why, ...b.why])].slice(0, 16),
  };
}

function rowOf(device: HonestCell['device'], auditor: HonestCell['device'], found: readonly PairCounts[]): string[] {
  const own = found.flatMap((of) => (of.cell.device === device && of.auditor === auditor ? [of.counts] : []));
  const sum = (of: (counts: CellCounts) => number): string => String(own.reduce((n, c) => n + of(c), 0));
  const apart = Math.max(...own.map((c) => c.apart));
  return [
    device === auditor ? `${device}, the same` : `${device} by ${auditor}`,
    sum((c) => c.audits),
    sum((c) => c.match),
    sum((c) => c.inconclusive),
    sum((c) => c.punished),
    apart === 0 ? 'the same bits' : apart.toPrecision(2),
  ];
}
