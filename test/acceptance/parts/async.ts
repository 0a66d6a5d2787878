/**
 * The schedule `async` in one process: what late and lost frames between four shards cost each rule, with a value node
 * for each layer and with values at the borders alone. The ticks are what an error needs to come to the first layer.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accuracyOf, type KeptRun } from '../kept-run.ts';
import { LATE_LINKS, LATE_RULES, lateModel } from '../late-model.ts';
import { type Context, dataWith, noData, notRun, type Part, percentText, type Row } from '../row.ts';

const SHARDS = 4;
const SAMPLES = '6400';
const SEED = 1;

/** A network: the ticks of every frame, the share that is lost, and how old a value may be. */
interface Cell {
  readonly head: string;
  readonly delay: number;
  readonly loss: number;
  readonly staleness: number;
}

const late = (delay: number): Cell => ({ head: `${delay} ticks`, delay, loss: 0, staleness: delay });
const losing = (loss: number): Cell => ({ head: `1 tick, ${100 * loss} % lost`, delay: 1, loss, staleness: 5 });
const CELLS: readonly Cell[] = [late(0), late(1), late(2), late(4), late(8), losing(0.05), losing(0.2)];

/** By how much the worst cell may be behind that without delay; absent: shown alone. */
const MOST: Readonly<Record<string, number>> = { 'il-borders': 0.01, 'fixed_prediction-borders': 0.005 };

export const asyncPart: Part = {
  name: 'async',
  what: 'four shards that read old values of each other: accuracy against delay and loss, by rule and granularity',
  takes: 'half an hour; kept and resumed',
  run,
};

async function run(context: Context): Promise<readonly Row[]> {
  const data = dataWith(context, 'mnist');
  if (data === undefined) return [notRun('async', 'late frames by rule', 'shown', noData('mnist'))];
  const bp = await accuracyOf(runOf('bp', false, undefined, context), data, context);
  const rows: Row[] = [
    { name: 'async-bp', what: 'backpropagation, in one piece', target: 'shown', measured: percentText(bp) },
  ];
  const cells: string[][] = [['backpropagation', '', percentText(bp), ...CELLS.slice(1).map(() => '')]];
  for (const rule of Object.keys(LATE_RULES).filter((name) => name !== 'bp'))
    for (const borders of [false, true]) {
      const name = `${rule}${borders ? '-borders' : ''}`;
      const found: number[] = [];
      for (const cell of context.trial ? CELLS.slice(0, 3) : CELLS)
        found.push(await accuracyOf(runOf(rule, borders, cell, context), data, context));
      cells.push([rule, borders ? 'at borders' : 'each layer', ...found.map(percentText)]);
      rows.push(rowOf(name, found, context));
    }
  context.table({ name: 'async', head: ['rule', 'values', ...CELLS.map(({ head }) => head)], rows: cells });
  return rows;
}

function rowOf(name: string, found: readonly number[], { trial }: Context): Row {
  const [first = 0] = found;
  const behind = first - Math.min(...found);
  const most = MOST[name];
  const row: Row = {
    name: `async-${name.replaceAll('_', '-')}`,
    what: `${name.replace('-borders', ', values at borders')}: ${CELLS.map(({ head }) => head).join('; ')}`,
    target: most === undefined ? 'shown' : `at most ${100 * most} points lost`,
    measured: `${found.map((a) => (100 * a).toFixed(1)).join(' ')}: ${(100 * behind).toFixed(1)} points lost at most`,
  };
  return most === undefined || trial ? row : { ...row, holds: behind <= most };
}

/** (S + 1)(K - 1) + 2 where the values are at borders; else an error waits at the same borders, and goes through all links. */
export function ticksFor(borders: boolean, staleness: number): number {
  return (borders ? SHARDS - 1 : LATE_LINKS) + staleness * (SHARDS - 1) + 2;
}

function runOf(rule: string, borders: boolean, cell: Cell | undefined, { root }: Context): KeptRun {
  const folder = join(root, '.cache', 'acceptance', 'async');
  mkdirSync(folder, { recursive: true });
  const name = `${rule}${borders ? '-borders' : ''}`;
  const model = join(folder, `${name}.pcn`);
  writeFileSync(model, lateModel(rule, borders));
  const of = cell ? `${name}-${cell.delay}-${cell.loss}` : name;
  const ticks = ['--set', `ticks=${ticksFor(borders, cell?.staleness ?? 0)}`];
  return {
    ...{ name: `async-${of}`, label: `async ${of}`, model, task: 'rule', seed: SEED },
    ...(cell && {
      shards: SHARDS,
      settings: [...ticks, '--schedule', 'async', '--staleness', String(cell.staleness)],
      network: ['--delay', String(cell.delay), '--loss', String(cell.loss)],
    }),
    limits: ['--limit', SAMPLES],
    trial: { settings: [], limits: ['--limit', '1280'] },
  };
}
