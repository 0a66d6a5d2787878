/**
 * The schedule `async` in one process: what late and lost frames between four shards cost each rule, with a value node
 * for each layer and with values at the borders alone. The ticks are what an error needs to come to the first layer.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DataOpener, dataOpener } from '../../../runtime/cli/training/training-data.ts';
import { LATE_LINKS, LATE_RULES, lateModel } from '../late-model.ts';
import { type Network, trainLate } from '../late-training.ts';
import { type Context, dataWith, noData, notRun, type Part, percentText, type Row } from '../row.ts';

const SHARDS = 4;
const SAMPLES = 6400;
const SEED = 1;

interface Cell extends Network {
  readonly head: string;
}

const late = (delay: number): Cell => ({ head: `${delay} ticks`, delay, loss: 0, staleness: delay });
const losing = (loss: number): Cell => ({ head: `1 tick, ${100 * loss} % lost`, delay: 1, loss, staleness: 5 });
const CELLS: readonly Cell[] = [late(0), late(1), late(2), late(4), late(8), losing(0.05), losing(0.2)];

/** By how much the worst cell may be behind that without delay; absent: shown alone. */
const MOST: Readonly<Record<string, number>> = { 'il-borders': 0.01, 'fixed_prediction-borders': 0.005 };

export const asyncPart: Part = {
  name: 'async',
  what: 'four shards that read old values of each other: accuracy against delay and loss, by rule and granularity',
  takes: 'a quarter of an hour; kept and resumed',
  run,
};

async function run(context: Context): Promise<readonly Row[]> {
  const folder = dataWith(context, 'mnist');
  if (folder === undefined) return [notRun('async', 'late frames by rule', 'shown', noData('mnist'))];
  const { trial } = context;
  const settings = { seed: SEED, data: folder, folder: context.root, limit: trial ? 640 : SAMPLES };
  const trainings = new Trainings(context, dataOpener(settings));
  const bp = await trainings.accuracy('bp', false, undefined);
  const rows: Row[] = [
    { name: 'async-bp', what: 'backpropagation, in one piece', target: 'shown', measured: percentText(bp) },
  ];
  const cells: string[][] = [['backpropagation', '', percentText(bp), ...CELLS.slice(1).map(() => '')]];
  for (const rule of Object.keys(LATE_RULES).filter((name) => name !== 'bp'))
    for (const borders of [false, true]) {
      const found: number[] = [];
      for (const cell of trial ? CELLS.slice(0, 2) : CELLS) found.push(await trainings.accuracy(rule, borders, cell));
      cells.push([rule, borders ? 'at borders' : 'each layer', ...found.map(percentText)]);
      rows.push(rowOf(nameOf(rule, borders), found, trial));
    }
  context.table({ name: 'async', head: ['rule', 'values', ...CELLS.map(({ head }) => head)], rows: cells });
  return rows;
}

const nameOf = (rule: string, borders: boolean): string => `${rule}${borders ? '-borders' : ''}`;

function rowOf(name: string, found: readonly number[], trial: boolean): Row {
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

/** Accuracies that are measured once, and kept for the same model, settings and sources. */
class Trainings {
  readonly #context: Context;
  readonly #open: DataOpener;
  readonly #file: string;
  readonly #kept: Record<string, number>;

  constructor(context: Context, open: DataOpener) {
    this.#context = context;
    this.#open = open;
    const folder = join(context.root, '.cache', 'acceptance', 'async');
    mkdirSync(folder, { recursive: true });
    this.#file = join(folder, context.trial ? 'trial.json' : 'accuracies.json');
    const known = !context.fresh && existsSync(this.#file);
    this.#kept = known ? JSON.parse(readFileSync(this.#file, 'utf8')) : {};
  }

  async accuracy(rule: string, borders: boolean, cell: Cell | undefined): Promise<number> {
    const text = lateModel(rule, borders);
    const set = { ticks: String(ticksFor(borders, cell?.staleness ?? 0)) };
    const training = { text, set, shards: cell ? SHARDS : 1, seed: SEED, ...(cell && { network: cell }) };
    const key = JSON.stringify([SAMPLES, training]);
    const label = `${nameOf(rule, borders)}${cell ? `, ${cell.head}` : ''}`;
    const found = this.#kept[key] ?? (await trainLate(training, this.#open));
    this.#kept[key] = found;
    writeFileSync(this.#file, JSON.stringify(this.#kept));
    this.#context.progress(`${label}: ${percentText(found)}`);
    return found;
  }
}
