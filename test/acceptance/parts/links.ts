/**
 * Three trainers with uplinks of 2, 20 and 100 Mbit/s at a round trip of 40 ms, emulated on their sockets: how fast a training
 * in two shards is in every placement, which one the mesh takes, and what the dry run says of each. Then three of which
 * none has room for both shards: two with slow uplinks and a fast direct way, and one with a faster uplink.
 */
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { KeptRows } from '../kept-rows.ts';
import { LinkedMesh } from '../mesh/linked-mesh.ts';
import { measureMachine } from '../mesh/rate-rows.ts';
import type { Json } from '../mesh/running-mesh.ts';
import { jsonLines } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const UPLINKS = { a: '2Mbit', b: '20Mbit', c: '100Mbit' } as const;
const DELAY_MS = 40;
const PLACEMENTS = ['a', 'b', 'c', 'a,b', 'b,a', 'a,c', 'c,a', 'b,c', 'c,b'];
/** Large frames for little work: a tick is the links'. */
const NETWORK = ['--partition', '2', '--batch', '512', '--set', 'hidden=64', '--seed', '1'];
/** Two neighbours behind slow uplinks. */
const NEAR_UPLINKS = { a: '2Mbit', b: '2Mbit', c: '20Mbit' } as const;
/** Room for the larger one of the two shards, and not for both. */
const ONE_SHARD = ['--max-memory', '80'];
const NEAR = ['--emulate-direct', '1Gbit', '--delay-direct', '1', ...ONE_SHARD];
const FAR = ['--emulate-direct', '20Mbit', '--delay-direct', '40', ...ONE_SHARD];
const BY_HAND = ['a,b', 'b,a', 'a,c', 'c,a', 'b,c', 'c,b'];
const [NEAR_BEST, NEAR_PREDICTION] = [0.8, 0.3];

interface Measured {
  readonly on: string;
  readonly predicted: number;
  readonly rate: number;
}

export const linksPart: Part = {
  name: 'links',
  what: 'placement by measured links: uplinks of 2, 20 and 100 Mbit/s at 40 ms, emulated',
  takes: '10 minutes, kept as it goes',
  run,
};

async function run(context: Context): Promise<Row[]> {
  const mesh = new LinkedMesh(context.root, 'links');
  const model = join(context.root, 'dsl-examples/digits.pcn');
  const deploy = ['deploy', model, ...NETWORK];
  const all: Measured[] = [];
  const kept = new KeptRows<Measured>(context, 'links');
  let chosen = '';
  try {
    await measureMachine(context);
    await mesh.open(UPLINKS, DELAY_MS);
    const [placement = {}] = await mesh.json(...deploy, '--dry-run');
    chosen = ((placement.shards ?? []) as { trainer: string }[]).map((s) => s.trainer).join(',');
    for (const on of context.trial ? PLACEMENTS.slice(0, 1) : PLACEMENTS) {
      const measured = kept.get(on) ?? (await measuredOn(mesh, deploy, on));
      if (!context.trial) kept.keep(on, measured);
      all.push(measured);
      context.progress(`${on}: ${measured.rate.toFixed(0)} samples/s, predicted ${measured.predicted.toFixed(0)}`);
    }
    kept.done();
  } finally {
    await mesh.down();
  }
  return [...rowsOf(context, all, chosen), await directRow(context, deploy)];
}

/** Which two of three get the shards, where one pair is fast directly and slow over the mesh. */
async function directRow(context: Context, deploy: readonly string[]): Promise<Row> {
  const mesh = new LinkedMesh(context.root, 'links-direct');
  const kept = new KeptRows<number>(context, 'links-direct');
  const [name, what] = ['links-direct', 'placement where two trainers with slow uplinks have a fast direct way'];
  const target = 'those two, within 20 % of the best';
  try {
    await mesh.open(NEAR_UPLINKS, DELAY_MS, { a: NEAR, b: NEAR, c: FAR });
    const epochs = ['--epochs', context.trial ? '1' : '2'];
    const rate = await rateOf(mesh, [...deploy, ...epochs]);
    const owners = await ownersOf(mesh);
    context.progress(`the mesh takes ${owners}: ${rate.toFixed(0)} samples/s`);
    if (context.trial) return notRun(name, what, target, `a trial, on ${owners}`);
    for (const on of BY_HAND) {
      if (kept.get(on) === undefined) kept.keep(on, await rateOf(mesh, [...deploy, ...epochs, '--on', on]));
      context.progress(`${on}: ${kept.get(on)?.toFixed(0)} samples/s`);
    }
    const best = Math.max(...BY_HAND.map((on) => kept.get(on) ?? 0));
    kept.done();
    const share = (kept.get(owners) ?? rate) / best;
    const holds = ['a,b', 'b,a'].includes(owners) && share >= NEAR_BEST;
    return { name, what, target, holds, measured: `${owners} at ${Math.round(100 * share)} % of the best` };
  } finally {
    await mesh.down();
  }
}

/** Of the run that was deployed last, by shard. */
async function ownersOf(mesh: LinkedMesh): Promise<string> {
  const runs = ((await mesh.status()).runs ?? []) as { run: string }[];
  const log = await mesh.json('logs', runs.at(-1)?.run ?? '');
  const given = log.findLast(({ event }) => event === 'epoch-of-owners');
  return ((given?.owners ?? []) as string[]).join(',');
}

async function measuredOn(mesh: LinkedMesh, deploy: readonly string[], on: string): Promise<Measured> {
  const [told = {}] = await mesh.json(...deploy, '--on', on, '--dry-run');
  const predicted = Number((told.epoch as Json).samplesPerSecond);
  return { on, predicted, rate: await rateOf(mesh, [...deploy, '--on', on, '--epochs', '2']) };
}

function rowsOf({ trial }: Context, all: readonly Measured[], chosen: string): Row[] {
  const [what, target] = ['placement of two shards, of all placements by hand', 'within 20 % of the best'];
  const [whatDry, targetDry] = ['dry run of placements over links', 'within 30 % of what is measured'];
  if (trial)
    return [notRun('links-place', what, target, 'a trial'), notRun('links-dry-run', whatDry, targetDry, 'a trial')];
  const nameOf = (on: string): string => (on.includes(',') ? on : `${on},${on}`);
  const best = Math.max(...all.map((m) => m.rate));
  const taken = all.find((m) => nameOf(m.on) === chosen);
  const share = (taken?.rate ?? 0) / best;
  // Where all is on one trainer, a tick is work alone.
  const apart = all.filter((m) => m.on.includes(','));
  const off = apart.map((m) => Math.abs(m.predicted / m.rate - 1));
  const busy = loadavg()[0] ?? 0;
  const note = busy > availableParallelism() ? `, on a machine with a load of ${busy.toFixed(0)}` : '';
  return [
    {
      ...{ name: 'links-place', what, target, holds: share >= NEAR_BEST },
      measured: `${chosen} at ${Math.round(100 * share)} % of the best${note}`,
    },
    {
      ...{ name: 'links-dry-run', what: whatDry, target: targetDry, holds: Math.max(...off) <= NEAR_PREDICTION },
      measured: `${apart.map((m, i) => `${m.on} ${Math.round(100 * (off[i] ?? 0))} %`).join(', ')} off${note}`,
    },
  ];
}

/** Samples a second of the second epoch, with its snapshot and its evaluations. */
async function rateOf(mesh: LinkedMesh, deploy: readonly string[]): Promise<number> {
  // Two epochs of large batches reach no accuracy: the check fails, and the run is whole.
  const { lines } = await mesh.ask(...deploy, '--watch');
  const last = jsonLines(lines).findLast(({ event }) => event === 'epoch');
  if (!last) throw new Error(`nmc ${deploy.join(' ')} reported no epoch`);
  return Number(last.samplesPerSecond);
}
