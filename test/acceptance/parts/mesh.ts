/** The mesh: rates measured, predicted and simulated, weights the same as in one process. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor, waitUntil } from '../../support/wait-for.ts';
import { hashOfWeights } from '../mesh/hash-of-weights.ts';
import { lineOf, measureRates, tableOfRates } from '../mesh/rates.ts';
import { type Json, RunningMesh } from '../mesh/running-mesh.ts';
import { GFLOPS, wideModel } from '../mesh/wide.ts';
import { jsonLines, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

export const meshParts: readonly Part[] = [
  { name: 'mesh-rates', what: 'samples/s of 1 to 8 shards, measured and predicted', takes: '8 minutes', run: rates },
  { name: 'mesh-simulated', what: 'the same for 20 ms of work a tick, simulated', takes: '3 minutes', run: simulated },
  { name: 'mesh-ahead', what: 'the same where batches begin ahead', takes: '2 minutes', run: ahead },
  { name: 'mesh-weights', what: 'mnist.pcn on 8 trainers against one process', takes: '5 minutes', run: weights },
  { name: 'mesh-accuracy', what: 'mnist.pcn pipelined on 8 trainers', takes: '10 minutes or more', run: accuracy },
  { name: 'mesh-cortex', what: 'cortex.pcn in 64 shards on 4 trainers', takes: '5 minutes', run: cortex },
];

async function rates(context: Context): Promise<readonly Row[]> {
  const what = 'mnist.pcn: 1, 2, 4, 8 shards, both schedules, 0 and 100 ms';
  const target = 'a table';
  if (context.data === undefined) return [notRun('mesh-rates', what, target, 'needs MNIST (--data DIR)')];
  const found = await measureRates(context, context.data);
  const text = `${found.map(lineOf).join('\n')}\n`;
  const path = join(context.root, '.cache', 'acceptance', 'mesh', 'rates.txt');
  writeFileSync(path, text);
  process.stdout.write(text);
  context.table({ name: 'mesh-rates', ...tableOfRates(found) });
  const sound = found.every((r) => r.samplesPerSecond > 0 && r.predicted !== null);
  return [{ name: 'mesh-rates', what, target, measured: `${found.length} rows, in ${path}`, holds: sound }];
}

const BUSY = 0.95;

async function simulated(context: Context): Promise<readonly Row[]> {
  const folder = join(context.root, '.cache', 'acceptance', 'mesh');
  mkdirSync(folder, { recursive: true });
  const rows: Row[] = [];
  for (const ticks of [20, 8])
    for (const delay of [0, 100]) {
      const path = join(folder, `wide-${ticks}.pcn`);
      writeFileSync(path, wideModel(ticks, 1024));
      const args = ['--partition', '8', '--round-trip', String(delay), '--gflops', String(GFLOPS)];
      const nmc = join(context.root, 'dist/nmc.cjs');
      const end = await runCommand(process.execPath, [nmc, 'simulate', path, '--rates', ...args, '--json']);
      const found = jsonLines(end.lines).filter((e) => e.event === 'rate');
      const told = (e: Json): string =>
        `${String(e.microbatches)}: ${Number(e.samplesPerSecond).toFixed(0)} samples/s, busy ${(100 * Number(e.busy)).toFixed(1)} %`;
      for (const e of found) process.stdout.write(`T = ${ticks}, ${delay} ms, microbatches ${told(e)}\n`);
      const chosen = found.find((e) => e.chosen === true);
      const of64 = found.find((e) => e.microbatches === 16);
      const bound = ticks === 20 && delay === 100;
      rows.push({
        name: 'mesh-simulated',
        what: `T = ${ticks}, ${delay} ms: busy with the microbatches that deploy chooses; with those of 64`,
        target: bound ? `>= ${100 * BUSY} %` : 'beside it',
        measured: chosen && of64 ? `${told(chosen)}; ${told(of64)}` : end.tail,
        holds: chosen !== undefined && (!bound || (Number(chosen.busy) >= BUSY && Number(of64?.busy) >= BUSY)),
      });
    }
  return rows;
}

/** Four microbatches of 64: less work than the way there and back takes. */
async function ahead(context: Context): Promise<readonly Row[]> {
  const folder = join(context.root, '.cache', 'acceptance', 'mesh');
  mkdirSync(folder, { recursive: true });
  const rows: Row[] = [];
  for (const ticks of [20, 8]) {
    const path = join(folder, `ahead-${ticks}.pcn`);
    writeFileSync(path, wideModel(ticks, 256));
    const args = ['--partition', '8', '--round-trip', '100', '--gflops', String(GFLOPS), '--microbatches', '4'];
    const nmc = join(context.root, 'dist/nmc.cjs');
    const found: Json[] = [];
    for (const batches of ['0', '1']) {
      const simulate = [nmc, 'simulate', path, '--rates', ...args, '--ahead', batches, '--json'];
      const end = await runCommand(process.execPath, simulate);
      found.push(...jsonLines(end.lines).filter((e) => e.event === 'rate'));
    }
    const told = found.map(
      (e) => `${Number(e.samplesPerSecond).toFixed(0)} samples/s, busy ${(100 * Number(e.busy)).toFixed(1)} %`,
    );
    rows.push({
      name: 'mesh-ahead',
      what: `T = ${ticks}, 100 ms, four microbatches of 64: without, with ahead = 1`,
      target: 'busier with it',
      measured: told.join('; '),
      holds: found.length === 2 && Number(found[1]?.busy) > Number(found[0]?.busy),
    });
  }
  return rows;
}

const BATCHES = 100;
const PIPELINED = ['--microbatches', '4'];

async function weights(context: Context): Promise<readonly Row[]> {
  const target = 'the same hash of the weights';
  const what = (schedule: string): string =>
    `${schedule} on 8 trainers against the same shards here, ${BATCHES} batches`;
  const { data } = context;
  if (data === undefined) return [notRun('mesh-weights', what('lockstep'), target, 'needs MNIST (--data DIR)')];
  const mesh = new RunningMesh(context.root, 'weights');
  const model = join(context.root, 'dsl-examples/mnist.pcn');
  const size = ['--data', data, '--limit', String(BATCHES * 128), '--epochs', '1'];
  const rows: Row[] = [];
  try {
    await mesh.up(8, 0);
    for (const [schedule, parts] of [
      ['lockstep', []],
      ['pipelined', PIPELINED],
    ] as const) {
      const local = `${schedule}-here`;
      const here = await mesh.run('train', model, ...size, '--shards', '8', ...parts, '--out', local, '--json');
      if (here.code > 1) throw new Error(here.tail);
      const out = await deployed(mesh, [model, ...size, '--partition', '8', ...parts], schedule);
      const [a, b] = [hashOfWeights(join(mesh.folder, local)), hashOfWeights(out)];
      const measured = a === b ? `both ${a.slice(0, 12)}` : `${a.slice(0, 12)} and ${b.slice(0, 12)}`;
      rows.push({ name: 'mesh-weights', what: what(schedule), target, measured, holds: a === b });
    }
    return rows;
  } finally {
    await mesh.down();
  }
}

/** Deploys, waits for the end, fetches. A check of the model that fails is not a failure of the mesh. @returns the run's folder */
async function deployed(mesh: RunningMesh, args: readonly string[], out: string): Promise<string> {
  const [first = {}] = await mesh.json('deploy', ...args);
  const run = String(first.run);
  const isDone = async (): Promise<boolean> => {
    const found = (((await mesh.status()).runs ?? []) as Json[]).find((r) => r.run === run);
    if (found?.state === 'failed') throw new Error(`${run}: ${String(found.reason)}`);
    return found?.state === 'done';
  };
  await waitUntil(`end of ${run}`, isDone, { within: 3_600_000, every: 1000 });
  await mesh.json('fetch', run, '-o', out);
  return join(mesh.folder, out);
}

const EPOCHS = 3;

/** In one process: on a mesh the same shards end with the same bits (`mesh-weights`), so with the same accuracy. */
async function accuracy(context: Context): Promise<readonly Row[]> {
  const what = `pipelined in 8 shards against one machine, ${EPOCHS} epochs of MNIST`;
  const target = 'within 0.3 points';
  const { data } = context;
  if (data === undefined) return [notRun('mesh-accuracy', what, target, 'needs MNIST (--data DIR)')];
  const mesh = new RunningMesh(context.root, 'accuracy');
  const model = join(context.root, 'dsl-examples/mnist.pcn');
  const args = ['train', model, '--data', data, '--epochs', String(EPOCHS), '--json'];
  const one = accuracyIn(jsonLines((await mesh.run(...args, '--out', 'one')).lines));
  const parts = accuracyIn(jsonLines((await mesh.run(...args, '--shards', '8', ...PIPELINED, '--out', 'parts')).lines));
  const percent = (x: number | undefined): string => (x === undefined ? 'none' : `${(100 * x).toFixed(2)} %`);
  const holds = one !== undefined && parts !== undefined && parts >= one - 0.003;
  return [{ name: 'mesh-accuracy', what, target, measured: `${percent(parts)} against ${percent(one)}`, holds }];
}

function accuracyIn(events: readonly Json[]): number | undefined {
  const last = events.filter((e) => e.event === 'epoch').at(-1)?.accuracy;
  return typeof last === 'number' ? last : undefined;
}

async function cortex(context: Context): Promise<readonly Row[]> {
  const what = 'cortex.pcn in 64 shards on 4 trainers: it trains, and status says what limits each shard';
  const target = 'every shard past its first batches';
  const mesh = new RunningMesh(context.root, 'cortex');
  try {
    await mesh.up(4, 0);
    const data = context.data === undefined ? [] : ['--data', context.data];
    const model = join(context.root, 'dsl-examples/cortex.pcn');
    const started = performance.now();
    const [first = {}] = await mesh.json('deploy', model, ...data, '--limit', '640', '--partition', '64');
    const placed = (performance.now() - started) / 1000;
    const end = Date.now() + 900_000;
    const looked = async (): Promise<readonly Row[] | undefined> => {
      const run = (((await mesh.status()).runs ?? []) as Json[]).find((r) => r.run === first.run);
      const shards = (run?.shards ?? []) as {
        batch: number;
        limit: string;
        bytesSent: number;
        ticksPerSecond: number;
      }[];
      const least = Math.min(...shards.map((s) => s.batch));
      const told = shards.every((s) => s.limit !== '' && s.bytesSent > 0);
      const done = run?.state === 'done' || (least >= 3 && told);
      if (!done && run?.state !== 'failed' && Date.now() < end) return undefined;
      const rate = shards.reduce((sum, s) => sum + s.ticksPerSecond, 0) / Math.max(1, shards.length);
      const measured = `${String(run?.state)}, ${least} batches, ${rate.toFixed(1)} ticks/s, deployed in ${placed.toFixed(0)} s`;
      return [{ name: 'mesh-cortex', what, target, measured, holds: done && run?.state !== 'failed' }];
    };
    return await waitFor('word of the shards', looked, { within: 1_000_000, every: 1000 });
  } finally {
    await mesh.down();
  }
}
