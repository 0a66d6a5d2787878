/**
 * Trainings under constant faults, with real processes: a random trainer is killed every ten seconds and another one
 * stopped for five, all borders go through the relay, which loses one packet in twenty, and a bit changes in one of a
 * thousand. Strict schedules have to end with the bits of one machine: no changed packet was applied. In `async`, whose numbers
 * depend on what comes when, stretches are done again from their records: they follow from frames that neighbours signed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeMachineRecord } from '../../support/machine-record.ts';
import { waitFor } from '../../support/wait-for.ts';
import { hashOfWeights } from '../mesh/hash-of-weights.ts';
import { RunningMesh } from '../mesh/running-mesh.ts';
import { type Mended, mendedOf, TrainerChaos } from '../mesh/trainer-chaos.ts';
import { jsonLines, plainEnvironment } from '../process.ts';
import { type Context, dataWith, type Part, percentText, type Row } from '../row.ts';

/** A schedule under chaos. */
interface Schedule {
  readonly name: string;
  /** Of `nmc deploy`. */
  readonly options: readonly string[];
  /** Whether its trainings come to the bits of one machine. */
  readonly isStrict: boolean;
}

interface Size {
  readonly seconds: number;
  readonly shards: number;
  readonly limit: number;
  readonly epochs: number;
  /** Percent of the packets of borders. */
  readonly damage: number;
}

const SCHEDULES: readonly Schedule[] = [
  { name: 'strict', options: [], isStrict: true },
  { name: 'async', options: ['--schedule', 'async'], isStrict: false },
];
const [FULL, TRIAL]: readonly Size[] = [
  { seconds: 600, shards: 4, limit: 3200, epochs: 4, damage: 0.1 },
  // It sends a hundred packets: of a thousandth of them there would be none.
  { seconds: 30, shards: 2, limit: 320, epochs: 1, damage: 5 },
];
const TIMES = { every: 10_000, stopped: 5000 };
/** Each trainer has room for one shard: so there are borders, and one trainer to spare. */
const NETWORK = ['--max-memory', '80', '--relay', '--emulate-loss', '5'];
/** Of each training, done again. */
const REPLAYED = 10;
const SNAPSHOT_EVERY = 2;
const [POINT, MAX_FOUND, MAX_RUNNING] = [0.01, 3, 15];
/** A run under faults may take long, on a machine that does other things. */
const PATIENCE = { within: 3_600_000, every: 1000 };

export const chaosParts: readonly Part[] = SCHEDULES.map((schedule) => ({
  name: `chaos-${schedule.name}`,
  what: `ten minutes of kills, stops, lost and changed packets under trainings that are ${schedule.name}`,
  takes: '20 minutes',
  run: (context) => chaos(schedule, context),
}));

/** What its trainers reach does not matter: none measures it. */
class ChaosMesh extends RunningMesh {
  protected override readonly env = plainEnvironment({ NMC_CONFIG: writtenTo(join(this.folder, 'config')) });
}

function writtenTo(config: string): string {
  writeMachineRecord(config);
  return config;
}

interface Ended {
  readonly hash: string;
  readonly accuracy: number;
  /** Verdicts of stretches that were done again. */
  readonly replayed: readonly string[];
}

async function chaos(schedule: Schedule, context: Context): Promise<readonly Row[]> {
  const size = (context.trial ? TRIAL : FULL) as Size;
  const data = dataWith(context, 'mnist');
  const model = join(context.root, 'dsl-examples', data === undefined ? 'digits.pcn' : 'mnist.pcn');
  const args = [model, '--limit', String(size.limit), '--epochs', String(size.epochs)];
  if (data !== undefined) args.push('--data', data);
  const network = [...NETWORK, '--emulate-damage', String(size.damage)];
  const mesh = new ChaosMesh(context.root, `chaos-${schedule.name}`, network);
  try {
    const here = await mesh.run('train', ...args, '--shards', String(size.shards), '--out', 'here', '--json');
    if (here.code > 1) throw new Error(here.tail);
    const expected = { hash: hashOfWeights(join(mesh.folder, 'here')), accuracy: accuracyIn(here.lines), replayed: [] };
    await mesh.up(size.shards + 1, 0);
    const deploy = [...args, '--partition', String(size.shards), '--snapshot-every', String(SNAPSHOT_EVERY)];
    const found = await underFaults(mesh, [...deploy, ...schedule.options], size.seconds, schedule, context);
    return rowsOf(schedule, context, expected, { ...found, damaged: damagedIn(mesh) });
  } finally {
    await mesh.down();
  }
}

interface Found {
  readonly ends: readonly Ended[];
  readonly mended: readonly Mended[];
}

/** Run after run until the time is over, and the last one to its end. */
async function underFaults(
  mesh: RunningMesh,
  deploy: readonly string[],
  seconds: number,
  { isStrict }: Schedule,
  { progress }: Context,
): Promise<Found> {
  const chaos = new TrainerChaos(mesh);
  const ends: Ended[] = [];
  const mended: Mended[] = [];
  const end = performance.now() + 1000 * seconds;
  let under: Promise<void> | undefined;
  try {
    while (performance.now() < end) {
      const [{ run } = {}] = await mesh.json('deploy', ...deploy);
      const name = String(run);
      under ??= chaos.during(1000 * seconds, TIMES);
      await waitFor(`end of ${name}`, () => isOver(chaos, name), PATIENCE);
      await mesh.json('fetch', name, '-o', name);
      const log = await mesh.json('logs', name);
      const own = mendedOf(
        chaos.faults.filter((fault) => fault.run === name),
        log,
      );
      mended.push(...own);
      const replayed = isStrict ? [] : await verdictsOf(mesh, name);
      ends.push({ hash: hashOfWeights(join(mesh.folder, name)), accuracy: accuracyIn(log), replayed });
      progress(
        `${name}: ${percentText(ends.at(-1)?.accuracy ?? Number.NaN)} after ${own.length} faults of its trainers`,
      );
    }
    await under;
  } finally {
    chaos.close();
  }
  return { ends, mended };
}

/** Of stretches whose records trainers still have, spread over the training. */
async function verdictsOf(mesh: RunningMesh, run: string): Promise<string[]> {
  const files = readdirSync(mesh.folder, { recursive: true, encoding: 'utf8' });
  const records = files.filter((path) => path.includes(`/records/${run}/`) && path.endsWith('.rec')).sort();
  const every = Math.max(1, records.length / REPLAYED);
  const verdicts: string[] = [];
  for (let i = 0; i < records.length; i += every) {
    const { lines } = await mesh.ask('mesh', 'replay', records[Math.floor(i)] ?? '');
    verdicts.push(String(jsonLines(lines).find(({ event }) => event === 'replayed')?.verdict ?? 'none'));
  }
  return verdicts;
}

/** @throws Error where it has failed */
function isOver(chaos: TrainerChaos, name: string): true | undefined {
  const run = chaos.run(name);
  if (run?.state === 'failed') throw new Error(`${name}: ${String(run.reason)}`);
  return run?.state === 'done' ? true : undefined;
}

function rowsOf(
  { name, isStrict }: Schedule,
  { trial }: Context,
  expected: Ended,
  { ends, mended, damaged }: Found & { readonly damaged: number },
): Row[] {
  const row = (what: string, target: string, measured: string, holds: boolean): Row => {
    const said = { name: `chaos-${name}`, what, target, measured };
    return trial ? said : { ...said, holds };
  };
  const worst = Math.min(...ends.map(({ accuracy }) => accuracy));
  const same = ends.filter(({ hash }) => hash === expected.hash).length;
  const founds = mended.map(({ found }) => found);
  const late = founds.filter((seconds) => seconds === undefined || seconds > MAX_FOUND).length;
  const running = sorted(mended.flatMap(({ running: seconds }) => seconds ?? []));
  const [kills, stops] = ['killed', 'stopped'].map((what) => mended.filter((m) => m.what === what).length);
  const rows = [
    row(
      `accuracy of ${ends.length} trainings against one machine, the worst`,
      'within 1 point',
      `${percentText(worst)} against ${percentText(expected.accuracy)}`,
      worst >= expected.accuracy - POINT,
    ),
    row(
      `owners of shards that were killed (${kills}) and stopped for 5 s (${stops}): found`,
      `<= ${MAX_FOUND} s`,
      `${secondsText(sorted(founds.flatMap((seconds) => seconds ?? [])))}, ${late} later or never`,
      late === 0,
    ),
    row(
      'the same: all shards running again',
      `<= ${MAX_RUNNING} s at the 95th percentile`,
      secondsText(running),
      percentile95(running) <= MAX_RUNNING,
    ),
  ];
  const changed = `${damaged} packets were changed on their way`;
  const what = 'changed packets that were applied';
  if (isStrict) {
    const bits = `${same} of ${ends.length} trainings have the bits of one machine, ${changed}`;
    return [...rows, row(what, 'none', bits, same === ends.length && damaged > 0)];
  }
  const verdicts = ends.flatMap(({ replayed }) => replayed);
  const [match, mismatch] = ['match', 'mismatch'].map((v) => verdicts.filter((verdict) => verdict === v).length);
  const again = `${match} of ${verdicts.length} stretches done again match their frames as neighbours signed them, ${mismatch} do not, ${changed}`;
  return [...rows, row(what, 'none', again, mismatch === 0 && match !== 0 && damaged > 0)];
}

function secondsText(of: readonly number[]): string {
  return `${percentile95(of).toFixed(1)} s at the 95th percentile, ${(of.at(-1) ?? Number.NaN).toFixed(1)} s at most`;
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

/** @param of in order */
function percentile95(of: readonly number[]): number {
  return of[Math.ceil(0.95 * of.length) - 1] ?? Number.NaN;
}

/** At the last epoch. */
function accuracyIn(events: readonly (string | Readonly<Record<string, unknown>>)[]): number {
  const told = events.flatMap((event) => (typeof event === 'string' ? jsonLines([event]) : [event]));
  return Number(told.filter(({ event, accuracy }) => event === 'epoch' && accuracy !== null).at(-1)?.accuracy);
}

/** As the trainers have logged it. */
function damagedIn({ folder }: RunningMesh): number {
  const logs = join(folder, 'state', 'logs');
  const lines = readdirSync(logs).flatMap((file) => readFileSync(join(logs, file), 'utf8').split('\n'));
  return lines.filter((line) => line.includes('"event":"emulated-damage"')).length;
}
