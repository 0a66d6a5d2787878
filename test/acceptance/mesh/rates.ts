/** Samples a second of one training in 1, 2, 4, 8 shards, both schedules, with and without delay: measured, predicted. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Context, Table } from '../row.ts';
import { type Json, RunningMesh } from './running-mesh.ts';
import type { StatusWatch } from './status-watch.ts';

export interface RateRow {
  readonly shards: number;
  readonly schedule: string;
  readonly microbatches: number;
  /** Milliseconds of a round trip between two trainers. */
  readonly delay: number;
  readonly samplesPerSecond: number;
  readonly predicted: number | null;
  /** Device work over time, the mean of the shards. */
  readonly busy: number;
  /** Of a batch. */
  readonly samples: number;
  /** Processor seconds of the trainers in a second. */
  readonly processors: number | undefined;
  /** Milliseconds of a processor for a sample, as predicted: other work on the machine changes the rate, not this. */
  readonly predictedWork: number | undefined;
  /** More shards than cores: they take turns. */
  readonly crowded: boolean;
}

const SHARDS = [1, 2, 4, 8];
const DELAYS = [0, 100];
const SECONDS = 8;
/** Of an epoch that is over before. */
const SHORTEST_SECONDS = 3;
const MICROBATCHES = 8;
/** Batches. */
const SNAPSHOT_EVERY = 100;
const PATIENCE_MS = 300_000;

export async function measureRates(context: Context, data: string): Promise<RateRow[]> {
  const rows: RateRow[] = [];
  for (const delay of DELAYS) for (const shards of SHARDS) rows.push(...(await ratesOf(context, data, shards, delay)));
  return rows;
}

/** The training there, and for how long it is watched. */
export interface Trained {
  /** Options of `nmc deploy`. */
  readonly options: readonly string[];
  readonly seconds: number;
  /** So many batches are watched at least, and so many of a run go by before. */
  readonly batches?: number;
  readonly before?: number;
  /** So many seconds of a run go by before, too: of its first frames and runs the code is still being compiled. */
  readonly warm?: number;
  /** Over the ends of epochs, evaluations included: for meshes that are held against each other, not against what was predicted. */
  readonly across?: boolean;
}

const MNIST: Trained = { options: [], seconds: SECONDS };

/** Of one mesh, with as many trainers as shards. @param delay milliseconds of a round trip */
async function ratesOf(context: Context, data: string, shards: number, delay: number): Promise<RateRow[]> {
  const rows: RateRow[] = [];
  const mesh = new RunningMesh(context.root, `rates-${delay}-${shards}`);
  try {
    await mesh.up(shards, delay);
    for (const schedule of schedulesOf(shards)) {
      const row = await measure(context, mesh, data, { shards, schedule, delay, network: MNIST });
      context.progress(lineOf(row));
      rows.push(row);
    }
  } finally {
    await mesh.down();
  }
  return rows;
}

/** One shard waits for nobody: nothing is divided. */
export const schedulesOf = (shards: number): readonly string[] =>
  shards === 1 ? ['lockstep'] : ['lockstep', 'pipelined'];

export interface Setting {
  readonly shards: number;
  readonly schedule: string;
  readonly delay: number;
  readonly network: Trained;
}

export async function measure(
  { root }: Pick<Context, 'root'>,
  mesh: RunningMesh,
  data: string,
  { shards, schedule, delay, network }: Setting,
): Promise<RateRow> {
  const model = join(root, 'dsl-examples/mnist.pcn');
  const parts = schedule === 'pipelined' ? ['--schedule', schedule, '--microbatches', String(MICROBATCHES)] : [];
  const args = [
    'deploy',
    model,
    '--data',
    data,
    '--partition',
    String(shards),
    '--epochs',
    '20',
    '--snapshot-every',
    String(SNAPSHOT_EVERY),
    ...network.options,
    ...parts,
    // Each shard has a trainer to itself, were it faster or not.
    '--on',
    mesh.names.slice(0, shards).join(','),
  ];
  const [placement = {}] = await mesh.json(...args, '--dry-run');
  const [deployed = {}] = await mesh.json(...args);
  const run = String(deployed.run);
  const { first, last, began, used, busy } = await watched(mesh, run, network).finally(() => mesh.ask('stop', run));
  const seconds = (last.at - first.at) / 1000;
  return {
    shards,
    schedule,
    samples: Number(placement.batch),
    microbatches: schedule === 'pipelined' ? MICROBATCHES : 1,
    delay,
    samplesPerSecond: ((last.batch - first.batch) * Number(placement.batch)) / seconds,
    predicted: predictedRate(placement, first.batch, last.batch),
    busy: busy.reduce((sum, b) => sum + b, 0) / Math.max(1, busy.length),
    processors: began === undefined || used === undefined ? undefined : (used - began) / seconds,
    predictedWork:
      typeof placement.processorSeconds === 'number'
        ? (1000 * placement.processorSeconds) / Number(placement.batch)
        : undefined,
    crowded: shards > availableParallelism(),
  };
}

/** Samples a second from one batch to another: what was predicted of batches, and of the snapshots in between. */
function predictedRate({ samplesPerSecond, batch, epoch }: Json, first: number, last: number): number | null {
  if (typeof samplesPerSecond !== 'number') return null;
  const { snapshots = 1, snapshotSeconds = 0 } = (epoch ?? {}) as { snapshots?: number; snapshotSeconds?: number };
  const samples = (last - first) * Number(batch);
  const made = Math.floor(last / SNAPSHOT_EVERY) - Math.floor(first / SNAPSHOT_EVERY);
  return samples / (samples / samplesPerSecond + (made * snapshotSeconds) / Math.max(1, snapshots));
}

/** @param run that trains there */
async function watched(mesh: RunningMesh, run: string, network: Trained) {
  const { batches = 1, before = 3, warm = 0, across = false } = network;
  const watch = mesh.watch();
  try {
    const progress = (enough: (p: Progress) => boolean): Promise<Progress> => progressOf(watch, run, across, enough);
    const { at } = await progress((p) => p.batch >= before);
    const begun = await progress((p) => p.at - at >= 1000 * warm);
    // From the end of a batch to the end of another one.
    let first = await progress((p) => p.batch !== begun.batch);
    let began = mesh.processorSeconds();
    let last = first;
    let used = began;
    /** Each second, up to the last batch that was counted, and since. */
    let busy: number[] = [];
    let since: number[] = [];
    while (last.at - first.at < network.seconds * 1000 || last.batch - first.batch < batches) {
      const now = await progress(() => true);
      since.push(now.busy);
      if (now.epoch !== first.epoch) {
        // Batches are counted within an epoch, behind which the test set is evaluated.
        if (last.at - first.at >= SHORTEST_SECONDS * 1000) break;
        [first, last, began, used, busy, since] = [now, now, mesh.processorSeconds(), undefined, [], []];
      } else if (now.batch > last.batch) {
        [last, used, busy, since] = [now, mesh.processorSeconds(), [...busy, ...since], []];
      }
    }
    return { first, last, began, used, busy };
  } finally {
    watch.close();
  }
}

interface Progress {
  readonly at: number;
  readonly epoch: number;
  readonly batch: number;
  readonly busy: number;
}

/** Of the shard that is furthest behind, from now on. */
async function progressOf(
  watch: StatusWatch,
  name: string,
  across: boolean,
  enough: (p: Progress) => boolean,
): Promise<Progress> {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    const { at, status } = await watch.next();
    const run = ((status.runs ?? []) as Json[]).find((r) => r.run === name);
    const shards = (run?.shards ?? []) as { batch: number; busy: number; state: string }[];
    if (run?.state === 'failed' || run?.state === 'done') throw new Error(`${name} has ended: ${String(run.reason)}`);
    const [epoch, batch] = [Number(run?.epoch), Math.min(...shards.map((s) => s.batch))];
    const progress = {
      ...(across ? { at, epoch: 0, batch: epoch * Number(run?.batches) + batch } : { at, epoch, batch }),
      busy: shards.reduce((sum, s) => sum + s.busy, 0) / Math.max(1, shards.length),
    };
    if (run?.state === 'running' && enough(progress)) return progress;
  }
  throw new Error(`${name} does not get on`);
}

/** By shards: samples a second, predicted in brackets, share of time in device work, processors used. */
export function tableOfRates(rows: readonly RateRow[]): Pick<Table, 'head' | 'rows'> {
  const columns = [...new Map(rows.map((r) => [columnOf(r), r])).keys()];
  const counts = [...new Set(rows.map(({ shards }) => shards))];
  return {
    head: ['shards', ...columns],
    rows: counts.map((shards) => {
      const own = rows.filter((r) => r.shards === shards);
      const cell = (column: string): string => {
        const row = own.find((r) => columnOf(r) === column);
        if (row === undefined) return '';
        const predicted = row.predicted === null ? '' : ` (${row.predicted.toFixed(0)})`;
        const processors = row.processors === undefined ? '' : `, ${row.processors.toFixed(2)}`;
        return `${row.samplesPerSecond.toFixed(0)}${predicted} ${(100 * row.busy).toFixed(0)} %${processors}`;
      };
      return [`${shards}${own.some((r) => r.crowded) ? ' *' : ''}`, ...columns.map(cell)];
    }),
  };
}

function columnOf({ schedule, microbatches, delay }: RateRow): string {
  const parts = schedule === 'pipelined' ? `pipelined, ${microbatches} parts` : schedule;
  return delay === 0 ? parts : `${parts}, ${delay} ms`;
}

/** Milliseconds of processors for a batch, of all trainers together: as measured, and as predicted. */
export function workOf({ processors, predictedWork, samplesPerSecond, samples }: RateRow) {
  return {
    measured: processors === undefined ? undefined : (1000 * samples * processors) / samplesPerSecond,
    predicted: predictedWork === undefined ? undefined : samples * predictedWork,
  };
}

export function lineOf(row: RateRow): string {
  const { shards, schedule, microbatches, delay, samplesPerSecond, predicted, busy, processors, crowded } = row;
  const work = processors === undefined ? 'not known' : ((1000 * processors) / samplesPerSecond).toFixed(2);
  return [
    `${shards} shards`,
    schedule === 'pipelined' ? `pipelined ${microbatches}` : schedule,
    `${delay} ms`,
    `${samplesPerSecond.toFixed(0)} samples/s`,
    `predicted ${predicted === null ? 'not known' : predicted.toFixed(0)}`,
    `busy ${(100 * busy).toFixed(0)} %`,
    `processors ${processors === undefined ? 'not known' : processors.toFixed(2)}`,
    `processor ms a sample ${work}, predicted ${row.predictedWork?.toFixed(2) ?? 'not known'}`,
    ...(crowded ? ['more shards than cores'] : []),
  ].join(', ');
}
