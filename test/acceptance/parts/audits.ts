/** Audits of honest work: whether any trainer is ever punished, and what audits cost. */
import { cellName, type HonestCell, type HonestCounts, honestAudits, honestCells } from '../../mesh/honest-audits.ts';
import { codeKey } from '../../support/code-key.ts';
import { KeptRows } from '../kept-rows.ts';
import { type Context, type Part, percentText, type Row } from '../row.ts';

const AUDITS = 10_000;
const TRIAL_AUDITS = 60;
/** Of a run with two kills, and of one that nothing disturbs: enough stretches for one run of each setting. */
const [DISTURBED_EPOCHS, EPOCHS] = [10, 4];
const SOME_SEEDS = 4;
/** File of which all numbers come. */
const CODE = 'test/mesh/honest-audits.ts';
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
  takes: 'a quarter of an hour, in pieces',
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
  const pairs = cells.reduce((sum, { auditors }) => sum + auditors.length, 0);
  const wanted = Math.ceil((context.trial ? TRIAL_AUDITS : AUDITS) / pairs);
  const kept = new KeptRows<readonly CellCounts[]>(context, 'audits', await codeKey(context.root, CODE));
  const found = cells.map((cell) => cell.auditors.map(() => NOTHING));
  const isShort = (counts: readonly CellCounts[]): boolean => counts.some(({ audits }) => audits < wanted);
  // A seed of all settings, then the next one: what an interrupted run leaves is of all of them.
  for (let seed = 1; found.some(isShort); seed++)
    for (const [i, cell] of cells.entries()) {
      const before = found[i] ?? [];
      if (!isShort(before)) continue;
      const name = `${cellName(cell)}, seed ${seed}`;
      const known = kept.get(name);
      const counts = known ?? (await audited(cell, seed, context));
      if (!known && !context.trial) kept.keep(name, counts);
      found[i] = before.map((of, auditor) => added(of, counts[auditor] ?? NOTHING));
      // Where trainers come and go a run may have nothing, but not each.
      if (seed === SOME_SEEDS && found[i]?.some(({ audits }) => audits === 0))
        throw new Error(`${cellName(cell)}: nothing was audited`);
      if (!known) context.progress(`${name}: ${told(counts)}; in all ${told(found.flat())}`);
    }
  return rowsOf(context, cells, found);
}

function rowsOf(
  context: Context,
  cells: readonly HonestCell[],
  byCell: readonly (readonly CellCounts[])[],
): readonly Row[] {
  const found = cells.flatMap((cell, i): PairCounts[] =>
    (byCell[i] ?? []).map((counts, auditor) => ({ cell, auditor: cell.auditors[auditor] ?? cell.device, counts })),
  );
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
      what: `${audits} audits of honest work: ${found.length} settings of devices, borders, schedules and disturbances`,
      target: `0 punished, inconclusive <= ${percentText(MAX_INCONCLUSIVE)}`,
      measured: `${punished} punished, ${percentText(share)} inconclusive`,
      ...(context.trial ? {} : { holds: punished === 0 && share <= MAX_INCONCLUSIVE && audits >= AUDITS }),
    },
  ];
}

const NOTHING: CellCounts = {
  ...{ audits: 0, match: 0, mismatch: 0, undelivered: 0, inconclusive: 0, punished: 0, apart: 0 },
  why: [],
};

/** Of each auditor. */
async function audited(cell: HonestCell, seed: number, { trial }: Context): Promise<CellCounts[]> {
  const epochs = trial ? 1 : cell.disturbed ? DISTURBED_EPOCHS : EPOCHS;
  return (await honestAudits(cell, seed, epochs)).map((of) => added(NOTHING, of));
}

function told(counts: readonly CellCounts[]): string {
  const sum = (of: (counts: CellCounts) => number): number => counts.reduce((n, c) => n + of(c), 0);
  return `${sum((c) => c.audits)} audits, ${sum((c) => c.inconclusive)} inconclusive, ${sum((c) => c.punished)} punished`;
}

function added(a: CellCounts, b: HonestCounts & Partial<CellCounts>): CellCounts {
  // Of those that were compared within a bound it says how much of it was needed.
  const shares = b.why.flatMap((why) => Number(/: (\S+) of what they may be apart$/.exec(why)?.[1] ?? 0));
  return {
    audits: a.audits + b.audits,
    match: a.match + b.match,
    mismatch: a.mismatch + b.mismatch,
    undelivered: a.undelivered + b.undelivered,
    inconclusive: a.inconclusive + b.inconclusive,
    punished: a.punished + b.punished,
    apart: Math.max(a.apart, b.apart ?? 0, ...shares),
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
