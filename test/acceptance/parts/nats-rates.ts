/** How fast a mesh trains whose store is NATS, beside one with a store of its own: by turns, on the same machine. */

import { lineOf, measure } from '../mesh/rates.ts';
import { RunningMesh } from '../mesh/running-mesh.ts';
import { type Context, notRun, type Row } from '../row.ts';

const SHARDS = [1, 8];
/** To try the harness. */
const TRIED = [1, 2];
const SECONDS = 12;
/** One synchronizer, as the other mesh has: only the store differs. */
const NATS = ['--nats', '--synchronizers', '1', '--accept-older-server'];
const LEAST = 0.9;
const TARGET = `>= ${LEAST} of embedded`;

const whatOf = (shards: number): string => `mnist.pcn in ${shards} shards in lockstep: in NATS against embedded`;

export async function rates(context: Context): Promise<readonly Row[]> {
  const name = 'nats-rates';
  const { data, root, trial } = context;
  if (data === undefined)
    return SHARDS.map((shards) => notRun(name, whatOf(shards), TARGET, 'needs MNIST (--data DIR)'));
  const embedded = new RunningMesh(root, 'nats-rates-embedded');
  const nats = new RunningMesh(root, 'nats-rates', NATS);
  const counts = trial ? TRIED : SHARDS;
  const trainers = Math.max(...counts);
  try {
    for (const mesh of [embedded, nats]) {
      context.progress(`starts ${trainers} trainers`);
      await mesh.up(trainers, 0);
    }
    const rows: Row[] = [];
    for (const shards of counts) {
      const sums = new Map<RunningMesh, number>();
      // What else the machine does falls on both.
      for (const mesh of [embedded, nats, nats, embedded]) {
        // In one shard an epoch takes two seconds.
        const network = { options: [], seconds: SECONDS, across: true };
        const setting = { shards, schedule: 'lockstep', delay: 0, network };
        const row = await measure(context, mesh, data, setting);
        context.progress(`${mesh === nats ? 'in NATS' : 'embedded'}: ${lineOf(row)}`);
        sums.set(mesh, (sums.get(mesh) ?? 0) + row.samplesPerSecond / 2);
      }
      const [theirs, own] = [sums.get(nats) ?? 0, sums.get(embedded) ?? 0];
      const measured = `${theirs.toFixed(0)} of ${own.toFixed(0)} samples/s: ${(theirs / own).toFixed(2)}`;
      rows.push({
        name,
        what: whatOf(shards),
        target: TARGET,
        measured,
        ...(trial ? {} : { holds: theirs / own >= LEAST }),
      });
    }
    return rows;
  } finally {
    await embedded.down();
    await nats.down();
  }
}
