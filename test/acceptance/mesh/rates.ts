/** Samples a second of one training in 1, 2, 4, 8 shards, both schedules, with and without delay: measured, predicted. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Context, Table } from '../row.ts';
import { slopeOf } from '../slope.ts';
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
  /** As predicted: device work over time, and what processors do for a batch, in milliseconds by what they do. */
  readonly predictedBusy: number;
  /** Samples a second where no snapshot is made. */
  readonly batchRate: number | null;
  readonly pieces: Readonly<Record<string, number>>;
  /** In words: the slowest and the longest way between two trainers as the prediction has it; empty within one place. */
  readonly ways: string;
  /** More shards than cores: they take turns. */
  readonly crowded: boolean;
}

const SHARDS = [1, 2, 4, 8];
const DELAYS = [0, 100];
const SECONDS = 8;
const MICROBATCHES = 8;
/** Batches. */
const SNAPSHOT_EVERY = 100;
const PATIENCE_MS = 300_000;
/** More than anybody watches, of the smallest network. */
const EPOCHS = 1000;

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
    String(EPOCHS),
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
  const seen = await watched(mesh, run, network).finally(() => mesh.ask('stop', run));
  const busy = seen.flatMap((looks) => looks.slice(1).flatMap((look) => look.busy));
  return {
    shards,
    schedule,
    samples: Number(placement.batch),
    microbatches: schedule === 'pipelined' ? MICROBATCHES : 1,
    delay,
    samplesPerSecond: 1000 * Number(placement.batch) * slopeOf(seen.map((looks) => looks.map((l) => [l.at, l.batch]))),
    predicted: predictedRate(placement, seen),
    busy: busy.reduce((sum, b) => sum + b, 0) / Math.max(1, busy.length),
    processors: usedOf(seen),
    predictedWork:
      typeof placement.processorSeconds === 'number'
        ? (1000 * placement.processorSeconds) / Number(placement.batch)
        : undefined,
    ...piecesOf(placement),
    ways: waysText((placement.borders ?? []) as Way[]),
    crowded: shards > availableParallelism(),
  };
}

/** Processor seconds of the trainers in a second. */
function usedOf(seen: Seen): number | undefined {
  const known = seen.every((looks) => looks.every(({ used }) => used !== undefined));
  return known ? 1000 * slopeOf(seen.map((looks) => looks.map(({ said, used = 0 }) => [said, used]))) : undefined;
}

/** What the prediction is made of. */
function piecesOf({ shards, work, samplesPerSecond }: Json): Pick<RateRow, 'predictedBusy' | 'batchRate' | 'pieces'> {
  const busy = ((shards ?? []) as { busy: number | null }[]).map((shard) => shard.busy ?? 0);
  const pieces = Object.entries((work ?? {}) as Readonly<Record<string, number>>);
  return {
    predictedBusy: busy.reduce((sum, b) => sum + b, 0) / Math.max(1, busy.length),
    batchRate: typeof samplesPerSecond === 'number' ? samplesPerSecond : null,
    pieces: Object.fromEntries(pieces.map(([name, seconds]) => [name, 1000 * seconds])),
  };
}

interface Way {
  /** Bytes a second; null: no known bound. */
  readonly rate: number | null;
  /** Milliseconds. */
  readonly roundTrip: number;
}

function waysText(ways: readonly Way[]): string {
  if (ways.length === 0) return '';
  const slowest = Math.min(...ways.map(({ rate }) => rate ?? Number.POSITIVE_INFINITY));
  const longest = Math.max(...ways.map(({ roundTrip }) => roundTrip));
  return `ways of ${((8 * slowest) / 1e6).toFixed(1)} Mbit/s, ${longest.toFixed(1)} ms`;
}

/** Samples a second of what was seen: what was predicted of batches, and of the snapshots in between. */
function predictedRate({ samplesPerSecond, batch, epoch }: Json, seen: Seen): number | null {
  if (typeof samplesPerSecond !== 'number') return null;
  const { snapshots = 1, snapshotSeconds = 0 } = (epoch ?? {}) as { snapshots?: number; snapshotSeconds?: number };
  const samples = batchesIn(seen, (count) => count) * Number(batch);
  const made = batchesIn(seen, (count) => Math.floor(count / SNAPSHOT_EVERY));
  return samples / (samples / samplesPerSecond + (made * snapshotSeconds) / Math.max(1, snapshots));
}

const batchesIn = (seen: Seen, of: (count: number) => number): number =>
  seen.reduce((sum, looks) => sum + of(looks.at(-1)?.batch ?? 0) - of(looks[0]?.batch ?? 0), 0);

/** A batch that has ended, as far as the mesh has heard. */
interface Look {
  /** Milliseconds: when the trainer told it. */
  readonly at: number;
  /** When the mesh did, and the processor seconds that trainers had used by then. */
  readonly said: number;
  readonly used: number | undefined;
  readonly batch: number;
  /** Each second since the look before. */
  readonly busy: readonly number[];
}

/** By epoch: behind each the test set is evaluated, which is no batch. */
type Seen = readonly (readonly Look[])[];

/** @param run that trains there */
async function watched(mesh: RunningMesh, run: string, network: Trained): Promise<Seen> {
  const { batches = 1, before = 3, warm = 0, across = false } = network;
  const watch = mesh.watch();
  try {
    const progress = (enough: (p: Progress) => boolean): Promise<Progress> => progressOf(watch, run, across, enough);
    const { at } = await progress((p) => p.batch >= before);
    let last = await progress((p) => p.at - at >= 1000 * warm);
    let seen: Seen = [[]];
    let busy: readonly number[] = [];
    while (secondsIn(seen) < network.seconds || batchesIn(seen, (count) => count) < batches) {
      const now = await progress(() => true);
      busy = [...busy, now.busy];
      if (now.epoch !== last.epoch || now.batch >= now.batches) {
        [seen, busy] = [[...seen, []], []];
      } else if (now.batch !== last.batch) {
        // From the end of a batch to the end of another one.
        const looks = [...(seen.at(-1) ?? []), { ...now, used: mesh.processorSeconds(), busy }];
        [seen, busy] = [[...seen.slice(0, -1), looks], []];
      }
      last = now;
    }
    return seen.filter((looks) => looks.length > 1);
  } finally {
    watch.close();
  }
}

const secondsIn = (seen: Seen): number =>
  seen.reduce((sum, looks) => sum + (looks.at(-1)?.at ?? 0) - (looks[0]?.at ?? 0), 0) / 1000;

interface Progress {
  readonly at: number;
  readonly said: number;
  readonly epoch: number;
  readonly batch: number;
  /** Of an epoch. */
  readonly batches: number;
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
    const { at: said, status } = await watch.next();
    const run = ((status.runs ?? []) as Json[]).find((r) => r.run === name);
    const shards = (run?.shards ?? []) as ShardSeen[];
    if (run?.state === 'failed' || run?.state === 'done') throw new Error(`${name} has ended: ${String(run.reason)}`);
    const [behind] = shards.toSorted((one, other) => one.batch - other.batch);
    if (run?.state !== 'running' || !behind) continue;
    const trainer = ((status.trainers ?? []) as TrainerSeen[]).find((t) => t.name === behind.trainer);
    // What was predicted is about the trainers that had them at first.
    if (Number(run.ownersEpoch) > 1) throw new Error(`the shards of ${name} were given to trainers anew`);
    const [epoch, batches] = [Number(run.epoch), Number(run.batches ?? Number.POSITIVE_INFINITY)];
    const progress = {
      ...{ said, at: said - 1000 * (trainer?.heard ?? 0) },
      ...(across
        ? { epoch: 0, batch: epoch * batches + behind.batch, batches: Number.POSITIVE_INFINITY }
        : { epoch, batch: behind.batch, batches }),
      busy: shards.reduce((sum, s) => sum + s.busy, 0) / shards.length,
    };
    if (enough(progress)) return progress;
  }
  throw new Error(`${name} does not get on`);
}

interface ShardSeen {
  readonly batch: number;
  readonly busy: number;
  readonly trainer: string | null;
}

interface TrainerSeen {
  readonly name: string;
  /** Seconds since it told how far it is. */
  readonly heard?: number;
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

/** Milliseconds of a batch in which devices work, of all shards together: as measured, and as predicted. */
export function deviceOf({ shards, samples, busy, samplesPerSecond, predictedBusy, batchRate }: RateRow) {
  const milliseconds = 1000 * shards * samples;
  return {
    measured: (milliseconds * busy) / samplesPerSecond,
    predicted: batchRate === null ? undefined : (milliseconds * predictedBusy) / batchRate,
  };
}

/** What a prediction is made of, the largest first, in milliseconds of processors for a batch. */
export function piecesText({ pieces }: Pick<RateRow, 'pieces'>): string {
  return Object.entries(pieces)
    .filter(([, milliseconds]) => milliseconds >= LEAST_TOLD)
    .sort(([, one], [, other]) => other - one)
    .map(([name, milliseconds]) => `${name} ${milliseconds.toFixed(1)}`)
    .join(', ');
}

const LEAST_TOLD = 0.05;

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
    `device ms a batch ${deviceOf(row).measured.toFixed(1)}, predicted ${deviceOf(row).predicted?.toFixed(1) ?? 'not known'}`,
    `predicted ms a batch: ${piecesText(row)}`,
    ...(row.ways === '' ? [] : [row.ways]),
    ...(crowded ? ['more shards than cores'] : []),
  ].join(', ');
}
