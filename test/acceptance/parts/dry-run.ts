/**
 * Predictions of the dry run beside measurements: mnist.pcn and a wide network in 1, 2, 4 and 8 shards, each on a
 * trainer of its own on this machine, in lockstep and pipelined. It says something only where nothing else runs.
 */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { drawnSets } from '../drawn-sets.ts';
import { measureGroups, NEAR_TARGET, offOf, percent, type RateGroup } from '../mesh/rate-rows.ts';
import { schedulesOf, type Trained, workOf } from '../mesh/rates.ts';
import { RunningMesh } from '../mesh/running-mesh.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const NAME = 'dry-run';
const SHARDS = [1, 2, 4, 8];
/** So many that an epoch of the fastest is watched for seconds. */
const SAMPLES = 300_000;

/** A small network has had thousands of frames by then. */
const WARM_SECONDS = 10;

const NETWORKS: readonly (Trained & { readonly name: string })[] = [
  { name: 'mnist.pcn', options: [], seconds: 6, warm: WARM_SECONDS },
  { name: '784-2048-2048-2048-10', options: ['--set', 'hidden=2048', '--batch', '256'], seconds: 10 },
];

export const dryRunPart: Part = {
  name: NAME,
  what: 'predicted and measured rates of mnist.pcn and a wide network in 1, 2, 4, 8 shards',
  takes: '8 to 12 minutes, kept as it goes',
  run,
};

async function run(context: Context): Promise<readonly Row[]> {
  if (context.trial) return [notRun(NAME, 'all networks', NEAR_TARGET, 'a trial')];
  const folder = mkdtempSync(join(tmpdir(), 'nmc-dry-run-'));
  try {
    const groups = SHARDS.map((shards) => groupOf(context, shards));
    const { rows, measured } = await measureGroups(context, NAME, drawnSets(folder, SAMPLES), groups);
    context.table({
      name: NAME,
      head: ['training', 'measured', 'predicted', 'off', 'processor ms a batch', 'predicted'],
      rows: measured.map(({ what, row }) => [
        ...[what, row.samplesPerSecond.toFixed(0), (row.predicted ?? 0).toFixed(0), percent(offOf(row))],
        ...[workOf(row).measured?.toFixed(1) ?? '', workOf(row).predicted?.toFixed(1) ?? ''],
      ]),
    });
    return rows;
  } finally {
    removeFolder(folder);
  }
}

function groupOf({ root }: Context, shards: number): RateGroup<RunningMesh> {
  const cases = NETWORKS.flatMap(({ name, ...network }) =>
    schedulesOf(shards).map((schedule) => ({
      what: `${name}, ${shards} shards, ${schedule}`,
      setting: { shards, schedule, delay: 0, network },
    })),
  );
  return { mesh: () => new RunningMesh(root, `dry-run-${shards}`), up: (mesh) => mesh.up(shards, 0), cases };
}
