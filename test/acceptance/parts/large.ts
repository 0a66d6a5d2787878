/** A model that no trainer could hold alone: how much each of them holds at the most, with a snapshot and a kill. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf } from '../../../spec/reason-of.ts';
import { signalProcess } from '../../support/end-process.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { LargeMesh, largeModel, machinesOf, runsIn, stateBytes } from '../mesh/large.ts';
import { mostOfTree, picturesModel, writePictures } from '../mesh/large-data.ts';
import type { Context, Part, Row } from '../row.ts';

export const largePart: Part = {
  name: 'large',
  what: 'data of 2 GB on trainers of 300 MB; a model of 1.2 GB on four of 500 MB: a snapshot, a kill, the run fetched',
  takes: '12 minutes',
  run: large,
};

const TRAINERS = 4;
const DATA_SHARDS = 2;
/** Of the process that deploys the data: the runtime, the compiler, some pieces. */
const MOST_OF_DEPLOYING = 450e6;
const BATCHES = 10;
const BATCH = 16;
const MEGABYTE = 1e6;
/** For one of its steps: on a machine that does other work, too. */
const SECONDS = 1800;
/** Of what a trainer lends: the rest is for data, messages and tensors on their way. */
const SHARE_OF_SHARD = 0.76;

async function large(context: Context): Promise<readonly Row[]> {
  return [await largeData(context), ...(await largeState(context))];
}

/** Data that no trainer has room for: some batches, and the most that each process held meanwhile. */
async function largeData(context: Context): Promise<Row> {
  const { gigabytes, cap } = context.trial ? { gigabytes: 0.4, cap: 200 } : { gigabytes: 2, cap: 300 };
  const mesh = new LargeMesh(context.root, 'large-data');
  const parts: string[] = [];
  let done = false;
  const tell = (text: string): void => {
    parts.push(text);
    context.progress(text);
  };
  try {
    const rows = writePictures(join(mesh.folder, 'pictures.npy'), gigabytes * 1e9);
    writeFileSync(join(mesh.folder, 'pictures.pcn'), picturesModel('pictures.npy'));
    await mesh.open(DATA_SHARDS, cap);
    const began = performance.now();
    const every = ['--snapshot-every', String(BATCHES / 2)];
    const peak = await mesh.peakOf('deploy', 'pictures.pcn', '--partition', String(DATA_SHARDS), ...every);
    const seconds = (performance.now() - began) / 1000;
    tell(`${rows} rows deployed in ${seconds.toFixed(0)} s by a process of ${megabytesOf(peak)} MB`);
    await mesh.until((status) => runsIn(status).some((r) => Number(r.snapshot ?? 0) >= BATCHES), SECONDS);
    tell(
      `${BATCHES} batches: ${overOwn(mesh)} MB over a trainer's own, synchronizer ${megabytesOf(mostOfTree(mesh.pid))} MB`,
    );
    done = peak <= MOST_OF_DEPLOYING;
  } catch (error) {
    tell(`${reasonOf(error)}; ${overOwn(mesh)} MB over a trainer's own`);
  } finally {
    await mesh.down();
    removeFolder(mesh.folder);
  }
  const within = mesh.trainers.every(({ own, peak }) => peak - own <= cap * MEGABYTE);
  return {
    name: 'large',
    what: `${gigabytes} GB of data on ${DATA_SHARDS} trainers of ${cap} MB`,
    target: `trains, <= ${cap} MB over the runtime's own, deployed within ${megabytesOf(MOST_OF_DEPLOYING)} MB`,
    measured: parts.join('; '),
    holds: done && within,
  };
}

async function largeState(context: Context): Promise<readonly Row[]> {
  const { width, cap } = context.trial ? { width: 1650, cap: 250 } : { width: 3310, cap: 500 };
  const mesh = new LargeMesh(context.root, 'large');
  const size = stateBytes(width);
  const name = `${(size / 1e9).toFixed(2)} GB on ${TRAINERS} trainers of ${cap} MB`;
  const said: string[] = [];
  const tell = (text: string): void => {
    said.push(text);
    context.progress(text);
  };
  let finished = false;
  try {
    mkdirSync(mesh.folder, { recursive: true });
    const model = join(mesh.folder, 'large.pcn');
    writeFileSync(model, largeModel(width));
    const [machines, plan] = [join(mesh.folder, 'machines.json'), join(mesh.folder, 'plan')];
    writeFileSync(machines, machinesOf(TRAINERS, cap * SHARE_OF_SHARD));
    const compiled = await mesh.run('compile', model, '--mesh', machines, '-o', plan);
    if (compiled.code !== 0) throw new Error(`not compiled: ${compiled.tail}`);
    await mesh.open(TRAINERS, cap);
    const schedule = ['--snapshot-every', String(BATCHES / 2), '--epochs', '1'];
    const [deployed = {}] = await mesh.json('deploy', plan, ...schedule, '--limit', String(BATCHES * BATCH));
    const run = String(deployed.run);
    const of = (status: Parameters<typeof runsIn>[0]) => runsIn(status).find((r) => r.run === run) ?? {};
    await mesh.until((status) => Number(of(status).snapshot ?? 0) > 0 || of(status).state === 'done', SECONDS);
    tell(`snapshot: ${peaks(mesh, size)}`);
    const [victim] = mesh.trainers;
    if (victim) {
      signalProcess(victim.pid, 'SIGKILL');
      await mesh.join('t9', cap);
    }
    await mesh.until((status) => of(status).state === 'done', SECONDS);
    tell(`refilled and done: ${peaks(mesh, size)}`);
    const fetched = await mesh.ask('fetch', run, '-o', join(mesh.folder, 'fetched'));
    tell(fetched.code === 0 ? 'fetched' : `not fetched: ${fetched.tail}`);
    finished = fetched.code === 0;
  } catch (error) {
    tell(`${reasonOf(error)}; ${peaks(mesh, size)}`);
  } finally {
    await mesh.down();
  }
  const within = mesh.trainers.every(({ own, peak }) => peak - own <= cap * MEGABYTE);
  return [
    {
      name: 'large',
      what: name,
      target: `done, and <= ${cap} MB over the runtime's own`,
      measured: said.join('; '),
      holds: finished && within,
    },
  ];
}

function megabytesOf(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(0);
}

/** What each trainer held at the most beyond the runtime's own. */
function overOwn(mesh: LargeMesh): string {
  return mesh.trainers.map(({ own, peak }) => megabytesOf(Math.max(0, peak - own))).join(', ');
}

/** What each trainer held at the most, beyond the runtime's own, and how often its share of the state that is. */
function peaks(mesh: LargeMesh, size: number): string {
  const over = mesh.trainers.map(({ own, peak }) => Math.max(0, peak - own));
  const most = Math.max(0, ...over);
  return `${overOwn(mesh)} MB over its own, at most ${(most / (size / TRAINERS)).toFixed(1)} of its state`;
}
