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
import { deviceOf, piecesText, schedulesOf, type Trained, workOf } from '../mesh/rates.ts';
import { RunningMesh } from '../mesh/running-mesh.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const NAME = 'dry-run';
const SHARDS = [1, 2, 4, 8];
/** So many that an epoch of the fastest is watched for seconds. */
const SAMPLES = 200_000;
/** The next call goes on. */
const MINUTES = 4.5;

/** A small network has had thousands of frames by then. */
const WARM_SECONDS = 8;

const NETWORKS: readonly (Trained & { readonly name: string })[] = [
  { name: 'mnist.pcn', options: [], seconds: 6, warm: WARM_SECONDS },
  { name: '784-2048-2048-2048-10', options: ['--set', 'hidden=2048', '--batch', '256'], seconds: 8, before: 2 },
];

export const dryRunPart: Part = {
  name: NAME,
  what: 'predicted and measured rates of mnist.pcn and a wide network in 1, 2, 4, 8 shards',
  takes: '6 minutes, at most 5 a call, kept as it goes',
  run,
};

async function run(context: Context): Promise<readonly Row[]> {
  if (context.trial) return [notRun(NAME, 'all networks', NEAR_TARGET, 'a trial')];
  const folder = mkdtempSync(join(tmpdir(), 'nmc-dry-run-'));
  try {
    const groups = SHARDS.map((shards) => groupOf(context, shards));
    const { rows, measured } = await measureGroups(context, NAME, drawnSets(folder, SAMPLES), groups, MINUTES);
    context.table({
      name: NAME,
      head: [
        ...['training', 'measured', 'predicted', 'off', 'processor ms a batch', 'predicted', 'of it device'],
        ...['predicted', 'predicted processor ms'],
      ],
      rows: measured.map(({ what, row }) => [
        ...[what, row.samplesPerSecond.toFixed(0), (row.predicted ?? 0).toFixed(0), percent(offOf(row))],
        ...[workOf(row), deviceOf(row)].flatMap((of) => [
          of.measured?.toFixed(1) ?? '',
          of.predicted?.toFixed(1) ?? '',
        ]),
        piecesText(row),
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
