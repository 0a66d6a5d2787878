/**
 * Predictions of the dry run beside measurements, where trainers stand apart: the wide network pipelined over four of
 * them, in six settings of round trip and uplink. The links are emulated on their sockets: so all four stand on this
 * machine, whose processors they share, and the dry run knows it.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../../support/remove-folder.ts';
import { drawnSets } from '../drawn-sets.ts';
import { LinkedMesh } from '../mesh/linked-mesh.ts';
import { measureGroups, NEAR_TARGET, type RateGroup } from '../mesh/rate-rows.ts';
import type { Trained } from '../mesh/rates.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const NAME = 'remote';
const TRAINERS = ['a', 'b', 'c', 'd'];
const [DELAYS_MS, UPLINKS] = [
  [0, 40, 100],
  ['100Mbit', '20Mbit'],
];
/** The next call goes on. */
const MINUTES = 6;
/** A batch takes from 4 to 20 s. */
const NETWORK: Trained = {
  options: ['--set', 'hidden=2048', '--batch', '256'],
  ...{ seconds: 10, batches: 2, before: 1 },
};

export const remotePart: Part = {
  name: NAME,
  what: '784-2048-2048-2048-10 pipelined over 4 trainers: round trips of 0, 40, 100 ms, uplinks of 20 and 100 Mbit/s, emulated',
  takes: '12 minutes, at most 9 a call, kept as it goes',
  run,
};

async function run(context: Context): Promise<readonly Row[]> {
  if (context.trial) return [notRun(NAME, 'all links', NEAR_TARGET, 'a trial')];
  const folder = mkdtempSync(join(tmpdir(), 'nmc-remote-'));
  try {
    const groups = UPLINKS.flatMap((up) => DELAYS_MS.map((delay) => groupOf(context, up, delay)));
    return (await measureGroups(context, NAME, drawnSets(folder), groups, MINUTES)).rows;
  } finally {
    removeFolder(folder);
  }
}

function groupOf({ root }: Context, up: string, delay: number): RateGroup<LinkedMesh> {
  const setting = { shards: TRAINERS.length, schedule: 'pipelined', delay, network: NETWORK };
  return {
    mesh: () => new LinkedMesh(root, `remote-${up}-${delay}`),
    up: (mesh) => mesh.open(Object.fromEntries(TRAINERS.map((name) => [name, up])), delay),
    cases: [{ what: `4 trainers, round trip ${delay} ms, uplinks of ${up.replace('Mbit', ' Mbit/s')}`, setting }],
  };
}
