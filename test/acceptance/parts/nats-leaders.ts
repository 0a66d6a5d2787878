/** Eight runs over three synchronizers in NATS, of which one is killed: how they spread, and who leads them when. */
import { signalProcess } from '../../support/end-process.ts';
import { writeTiny } from '../../support/nmc.ts';
import { waitUntil } from '../../support/wait-for.ts';
import { RunningNatsMesh } from '../mesh/nats-mesh.ts';
import type { Json } from '../mesh/running-mesh.ts';
import type { Context, Row } from '../row.ts';

const RUNS = 8;
const SYNCHRONIZERS = 3;
const MOST_SECONDS = 10;
const END_WITHIN = { within: 600_000, every: 1000 };
/** A run of some seconds, whose end is not before that of a take-over. */
const LENGTH = ['--limit', '320', '--epochs', '60', '--partition', '2'];

interface Leader {
  readonly pid: number;
  readonly runs: readonly string[];
}

export async function leaders({ root, trial, progress }: Context): Promise<readonly Row[]> {
  const mesh = new RunningNatsMesh(root, 'nats-leaders');
  try {
    progress('starts three synchronizers, each with a trainer');
    await mesh.up(SYNCHRONIZERS, 0, SYNCHRONIZERS);
    const model = writeTiny(mesh.folder, { epochs: 2 });
    const runs: string[] = [];
    for (let seed = 1; seed <= (trial ? SYNCHRONIZERS : RUNS); seed++) {
      const [deployed] = await mesh.json('deploy', model, ...LENGTH, '--seed', String(seed));
      runs.push(String(deployed?.run));
    }
    const spread = leadersOf(await mesh.status());
    const counts = spread.map(({ runs: led }) => led.length).sort();
    progress(`led: ${counts.join(', ')}`);
    await waitUntil('the runs at work', async () => runsOf(await mesh.status()).every(hasBegun), END_WITHIN);
    // Not the one that is asked.
    const victim = leadersOf(await mesh.status()).find(({ pid }) => pid === mesh.gateways[1]?.pid);
    if (!victim) throw new Error('the synchronizer that was to be killed is not there');
    const killed = Date.now();
    signalProcess(victim.pid, 'SIGKILL');
    progress(`killed the leader of ${victim.runs.join(', ')}`);
    await waitUntil('the end of all runs', async () => runsOf(await mesh.status()).every(isDone), END_WITHIN);
    const taken: number[] = [];
    let disturbed = 0;
    for (const run of runs) {
      const log = await mesh.json('logs', run);
      if (!isSound(log)) throw new Error(`${run} has done something twice, or has not ended once`);
      const led = log.flatMap(({ event, time }) => (event === 'led' ? [(Number(time) - killed) / 1000] : []));
      if (victim.runs.includes(run)) taken.push(...led);
      else disturbed += led.length;
    }
    return rowsOf({ trial, counts, taken, disturbed, victim });
  } finally {
    await mesh.down();
  }
}

interface Found {
  readonly trial: boolean;
  /** Runs of each, the fewest first. */
  readonly counts: readonly number[];
  /** Seconds. */
  readonly taken: readonly number[];
  readonly disturbed: number;
  readonly victim: Leader;
}

function rowsOf({ trial, counts, taken, disturbed, victim }: Found): Row[] {
  const most = Math.max(...taken);
  const isEven = (counts.at(-1) ?? 0) - (counts[0] ?? 0) <= 1;
  const seconds = taken.map((s) => s.toFixed(1)).join(', ');
  const measured = `${counts.join(', ')}; taken over after ${seconds} s, ${disturbed} of the others`;
  const holds = isEven && most <= MOST_SECONDS && disturbed === 0 && taken.length === victim.runs.length;
  const what = `${counts.reduce((sum, n) => sum + n, 0)} runs over ${counts.length} synchronizers, one of them killed`;
  const target = `spread evenly, taken over in <= ${MOST_SECONDS} s, no other run disturbed, every log sound`;
  return [{ name: 'nats-leaders', what, target, measured, ...(trial ? {} : { holds }) }];
}

/** It has ended once, and no snapshot and no term is there twice, or in another order. */
function isSound(log: readonly Json[]): boolean {
  const grows = (event: string, field: string): boolean => {
    const values = log.flatMap((entry) => (entry.event === event ? [Number(entry[field])] : []));
    return values.every((value, i) => i === 0 || value > (values[i - 1] ?? 0));
  };
  const ends = log.filter(({ event }) => event === 'done').length;
  return ends === 1 && grows('led', 'reign') && grows('manifest', 'calls') && grows('epoch-of-owners', 'epoch');
}

const leadersOf = ({ synchronizers }: Json): readonly Leader[] => synchronizers as readonly Leader[];

const runsOf = ({ runs }: Json): readonly Json[] => runs as readonly Json[];

const hasBegun = ({ state }: Json): boolean => state === 'running' || state === 'done';

const isDone = ({ state }: Json): boolean => state === 'done';
