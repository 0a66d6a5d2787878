/** Predicted and measured rates as rows of the acceptance. */
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { reasonOf } from '../../../spec/reason-of.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { KeptRows } from '../kept-rows.ts';
import { type Context, notRun, type Row } from '../row.ts';
import { lineOf, measure, type RateRow, type Setting, workOf } from './rates.ts';
import { RunningMesh } from './running-mesh.ts';

const NEAR = 0.25;
export const NEAR_TARGET = `within ${100 * NEAR} %`;

export interface RateCase {
  /** In words: network, shards, schedule. */
  readonly what: string;
  readonly setting: Setting;
}

/** Cases of one mesh. */
export interface RateGroup<M extends RunningMesh> {
  readonly mesh: () => M;
  readonly up: (mesh: M) => Promise<void>;
  readonly cases: readonly RateCase[];
}

export interface RateResults {
  readonly rows: readonly Row[];
  readonly measured: readonly { readonly what: string; readonly row: RateRow }[];
}

/**
 * One mesh after the other; each rate is kept as it is found. A mesh or a rate that fails is a row that misses.
 *
 * @param minutes after which no rate is begun: the next call measures those that are left
 */
export async function measureGroups<M extends RunningMesh>(
  context: Context,
  name: string,
  data: string,
  groups: readonly RateGroup<M>[],
  minutes: number,
): Promise<RateResults> {
  const kept = new KeptRows<RateRow>(context, name);
  const failed = new Map<string, string>();
  const end = performance.now() + minutes * 60_000;
  // A call that goes on predicts by what the first one has found of the machine.
  if (kept.isEmpty) await measureMachine(context);
  for (const { mesh: make, up, cases } of groups) {
    const left = cases.filter(({ what }) => kept.get(what) === undefined);
    if (left.length === 0 || performance.now() > end) continue;
    const mesh = make();
    try {
      await up(mesh);
      for (const { what, setting } of left) {
        if (performance.now() > end) break;
        try {
          const row = await measure(context, mesh, data, setting);
          context.progress(`${what}: ${lineOf(row)}`);
          kept.keep(what, row);
        } catch (error) {
          failed.set(what, reasonOf(error));
        }
      }
    } catch (error) {
      for (const { what } of left) if (kept.get(what) === undefined) failed.set(what, reasonOf(error));
    } finally {
      await mesh.down();
    }
  }
  const all = groups.flatMap(({ cases }) => cases);
  if (failed.size === 0 && all.every(({ what }) => kept.get(what) !== undefined)) kept.done();
  const load = loadavg()[0] ?? 0;
  const note = load > 4 * availableParallelism() ? `, on a machine with a load of ${load.toFixed(0)}` : '';
  return {
    rows: all.map(({ what }) => rowOf(name, what, kept.get(what), failed.get(what), note)),
    measured: all.flatMap(({ what }) => {
      const row = kept.get(what);
      return row ? [{ what, row }] : [];
    }),
  };
}

/** What the machine reaches is measured anew, by one trainer, while nothing else of the mesh begins. */
export async function measureMachine({ root }: Pick<Context, 'root'>): Promise<void> {
  removeFolder(join(root, '.cache', 'acceptance', 'mesh', 'config'));
  const mesh = new RunningMesh(root, 'machine');
  await mesh.up(1, 0);
  await mesh.down();
}

function rowOf(name: string, what: string, row: RateRow | undefined, failure = '', note = ''): Row {
  const start = { name, what, target: NEAR_TARGET };
  if (!row && failure === '')
    return notRun(name, what, NEAR_TARGET, `out of time; npm run accept -- ${name} continues from here`);
  if (!row) return { ...start, measured: failure, holds: false };
  const { samplesPerSecond, predicted } = row;
  const rate = samplesPerSecond < 10 ? samplesPerSecond.toFixed(2) : samplesPerSecond.toFixed(0);
  const told = predicted === null ? 'nothing' : predicted < 10 ? predicted.toFixed(2) : predicted.toFixed(0);
  return {
    ...start,
    measured: `${rate} samples/s, predicted ${told}: ${percent(offOf(row))}${workNote(row)}${note}`,
    holds: Math.abs(offOf(row)) <= NEAR,
  };
}

/** Other work of the machine changes the rate, but hardly the work of a batch: a miss says which of both is wrong. */
function workNote(row: RateRow): string {
  const { measured, predicted } = workOf(row);
  if (measured === undefined || predicted === undefined) return '';
  const digits = measured < 100 ? 1 : 0;
  const times = `${measured.toFixed(digits)} ms of processors a batch, predicted ${predicted.toFixed(digits)}`;
  return ` (${times}: ${percent(predicted / measured - 1)})`;
}

export function offOf({ predicted, samplesPerSecond }: RateRow): number {
  return (predicted ?? Number.POSITIVE_INFINITY) / samplesPerSecond - 1;
}

export const percent = (share: number): string => `${share < 0 ? '' : '+'}${Math.round(100 * share)} %`;
