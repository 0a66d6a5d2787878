/**
 * Predictions of the dry run beside measurements: mnist.pcn and a wide network in 1, 2, 4 and 8 shards, each on a
 * trainer of its own on this machine, in lockstep and pipelined. It says something only where nothing else runs.
 */

import { mkdtempSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { drawnSets } from '../drawn-sets.ts';
import { type RateRow, ratesOf, type Trained } from '../mesh/rates.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const SHARDS = [1, 2, 4, 8];
const NEAR = 0.25;
/** So many that an epoch of the fastest is watched for seconds. */
const SAMPLES = 300_000;

const NETWORKS: readonly (Trained & { readonly name: string })[] = [
  { name: 'mnist.pcn', options: [], seconds: 6 },
  { name: '784-2048-2048-2048-10', options: ['--set', 'hidden=2048', '--batch', '256'], seconds: 10 },
];
const target = `within ${100 * NEAR} %`;

export const dryRunPart: Part = {
  name: 'dry-run',
  what: 'predicted and measured rates of mnist.pcn and a wide network in 1, 2, 4, 8 shards',
  takes: '8 minutes',
  run,
};

async function run(context: Context): Promise<Row[]> {
  if (context.trial) return [notRun('dry-run', 'all networks', target, 'a trial')];
  // What the machine reaches is measured anew.
  removeFolder(join(context.root, '.cache', 'acceptance', 'mesh', 'config'));
  const folder = mkdtempSync(join(tmpdir(), 'nmc-dry-run-'));
  const rows: { readonly network: string; readonly row: RateRow }[] = [];
  try {
    const data = drawnSets(folder, SAMPLES);
    for (const shards of SHARDS) {
      const found = await ratesOf(context, data, shards, 0, NETWORKS);
      const each = found.length / NETWORKS.length;
      rows.push(...found.map((row, i) => ({ network: NETWORKS[Math.floor(i / each)]?.name ?? '', row })));
    }
  } finally {
    removeFolder(folder);
  }
  context.table({
    name: 'dry-run',
    head: ['network', 'shards', 'schedule', 'measured', 'predicted', 'off'],
    rows: rows.map(({ network, row }) => [
      ...[network, String(row.shards), row.schedule],
      ...[row.samplesPerSecond.toFixed(0), (row.predicted ?? 0).toFixed(0), percent(offOf(row))],
    ]),
  });
  const busy = loadavg()[0] ?? 0;
  const note = busy > 8 * availableParallelism() ? `, on a machine with a load of ${busy.toFixed(0)}` : '';
  return rows.map(({ network, row }) => ({
    ...{ name: 'dry-run', what: `${network}, ${row.shards} shards, ${row.schedule}`, target },
    measured: `${row.samplesPerSecond.toFixed(0)} samples/s, predicted ${row.predicted?.toFixed(0) ?? 'nothing'}: ${percent(offOf(row))}${note}`,
    holds: Math.abs(offOf(row)) <= NEAR,
  }));
}

function offOf({ predicted, samplesPerSecond }: RateRow): number {
  return (predicted ?? Number.POSITIVE_INFINITY) / samplesPerSecond - 1;
}

const percent = (share: number): string => `${share < 0 ? '' : '+'}${Math.round(100 * share)} %`;
