/**
 * Two batches of every train block of every example, by `nmc train`, `--shards 2`, `nmc deploy` and the page: the same
 * epoch reports, in their fields, and in their numbers where the cut and the device are the same.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EpochReport } from '../../../spec/run-events.ts';
import { RunningMesh } from '../mesh/running-mesh.ts';
import { type ReportPage, reportPage } from '../page-reports.ts';
import { type Ended, jsonLines, plainEnvironment, runCommand } from '../process.ts';
import { reportDifference, type Told, toldOf } from '../report-difference.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

export const epochReportsPart: Part = {
  name: 'epoch-reports',
  what: 'the same epoch reports from one machine, shards, a mesh and a page, for every train block of every example',
  takes: '15 minutes',
  run: measure,
};

const EXAMPLES = 'dsl-examples';
const SHARDS = '2';
/** A label, and three planes of 32 × 32. */
const CIFAR_RECORD_BYTES = 1 + 3 * 32 * 32;
/** A batch of more work takes minutes on a GPU that the processor plays. */
const MAX_FLOP_IN_PAGE = 2e9;
const target = 'the same fields; the same numbers in shards and on a mesh';

interface Task {
  /** `memory.pcn: dendritic` */
  readonly name: string;
  readonly file: string;
  readonly task: string;
}

/** Only what is read here. */
interface Plan {
  readonly shards: readonly { readonly flopsPerBatch: number }[];
  readonly training?: {
    readonly batch: number;
    readonly data: { readonly range?: readonly [number, number]; readonly steps?: number };
  };
}

function tasksOf(root: string): Task[] {
  const files = readdirSync(join(root, EXAMPLES)).filter((name) => name.endsWith('.pcn'));
  return files.flatMap((name) => {
    const text = readFileSync(join(root, EXAMPLES, name), 'utf8');
    const tasks = [...text.matchAll(/^train (\w+) of/gm)].map((found) => found[1] as string);
    return tasks.map((task) => ({ name: `${name}: ${task}`, file: join(root, EXAMPLES, name), task }));
  });
}

async function measure(context: Context): Promise<readonly Row[]> {
  const tasks = tasksOf(context.root);
  const rowOf = (what: string, reason: string): Row => notRun('epoch-reports', what, target, reason);
  if (context.trial) return tasks.map(({ name }) => rowOf(name, 'a trial'));
  const folder = mkdtempSync(join(tmpdir(), 'nmc-reports-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const mesh = new RunningMesh(context.root, 'epoch-reports');
  const page = await reportPage(context.root, folder);
  try {
    const data = context.data ?? drawnSets(folder);
    await mesh.up(2, 0);
    const rows: Row[] = [];
    for (const task of tasks) {
      const row = await compared({ context, folder, data, mesh, page }, task);
      context.progress(`${row.what}: ${row.measured}`);
      rows.push(row);
    }
    return rows;
  } finally {
    await page.close();
    await mesh.down();
  }
}

/** Noise in the formats of MNIST and CIFAR-10: what is compared is not what was learnt. */
function drawnSets(folder: string): string {
  const data = join(folder, 'data');
  const [mnist, cifar10] = [join(data, 'mnist'), join(data, 'cifar-10')];
  for (const place of [mnist, cifar10]) mkdirSync(place, { recursive: true });
  for (const [split, count] of [
    ['train', 60_000],
    ['t10k', 10_000],
  ] as const) {
    writeFileSync(
      join(mnist, `${split}-images-idx3-ubyte`),
      idx([count, 28, 28], (i) => (i * 7919 + (i >> 7)) % 256),
    );
    writeFileSync(
      join(mnist, `${split}-labels-idx1-ubyte`),
      idx([count], (i) => i % 10),
    );
  }
  const records = new Uint8Array(200 * CIFAR_RECORD_BYTES);
  for (let i = 0; i < records.length; i++)
    records[i] = i % CIFAR_RECORD_BYTES === 0 ? (i / CIFAR_RECORD_BYTES) % 10 : i;
  for (const name of ['data_batch_1.bin', 'test_batch.bin']) writeFileSync(join(cifar10, name), records);
  return data;
}

function idx(sizes: readonly number[], value: (i: number) => number): Uint8Array {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.set([0, 0, 8, sizes.length]);
  for (const [d, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * d);
  const count = sizes.reduce((product, n) => product * n, 1);
  const bytes = new Uint8Array(header.length + count);
  bytes.set(header);
  for (let i = 0; i < count; i++) bytes[header.length + i] = value(i);
  return bytes;
}

interface Places {
  readonly context: Context;
  readonly folder: string;
  readonly data: string;
  readonly mesh: RunningMesh;
  readonly page: ReportPage;
}

async function compared({ context, folder, data, mesh, page }: Places, { name, file, task }: Task): Promise<Row> {
  const nmc = (...args: string[]): Promise<Ended> =>
    runCommand(process.execPath, [join(context.root, 'dist/nmc.cjs'), ...args], {
      cwd: folder,
      env: plainEnvironment(),
    });
  const plan = join(folder, 'plan');
  rmSync(plan, { recursive: true, force: true });
  const compiled = await nmc('compile', file, '--task', task, '-o', plan);
  if (compiled.code !== 0) throw new Error(`${name}: ${compiled.tail}`);
  const made = JSON.parse(readFileSync(join(plan, 'plan.json'), 'utf8')) as Plan;
  const { limit, epochs } = lengthOf(made);
  const flop = made.shards.reduce((sum, shard) => sum + shard.flopsPerBatch, 0);
  const settings = ['--limit', String(limit), '--epochs', String(epochs), '--seed', '1', '--data', data];
  const train = (out: string, ...more: string[]): Promise<Ended> => {
    rmSync(join(folder, out), { recursive: true, force: true });
    return nmc('train', file, '--task', task, ...settings, '--device', 'cpu', '--out', out, '--json', ...more);
  };
  const deploy = ['deploy', file, '--task', task, ...settings, '--partition', SHARDS, '--schedule', 'lockstep'];
  const told: Record<string, Told> = {
    train: toldBy(await train('one')),
    shards: toldBy(await train('shards', '--shards', SHARDS)),
    deploy: toldBy(await mesh.ask(...deploy, '--watch')),
  };
  const inPage = flop <= MAX_FLOP_IN_PAGE;
  if (inPage) told.page = toldOf(await page.train(plan, { epochs, seed: 1, samples: limit, tests: limit }));
  const found = reportDifference(told, [['shards', 'deploy']]);
  return {
    name: 'epoch-reports',
    what: name,
    target,
    measured: inPage ? found.text : `${found.text}; the page was not tried: too large for it here`,
    holds: found.holds,
  };
}

/** Two batches and a sample that is left out; where the data are of one batch, two epochs of it. */
function lengthOf({ training }: Plan): { readonly limit: number; readonly epochs: number } {
  if (!training) throw new Error('the plan trains nothing');
  const { batch, data } = training;
  const rows = data.range ? data.range[1] - data.range[0] + 1 : Number.POSITIVE_INFINITY;
  const samples = Math.floor(rows / (data.steps ?? 1));
  return { limit: Math.min(samples, 2 * batch + 1), epochs: samples < 2 * batch ? 2 : 1 };
}

/** Exit 1: a check fails, as it may after two batches. */
function toldBy(end: Ended): Told {
  const events = jsonLines(end.lines);
  if (end.code <= 1) return toldOf(events.filter((e) => e.event === 'epoch').map(withoutEvent));
  const code = /error\[([\w/-]+)\]/.exec(end.tail)?.[1];
  if (end.code === 2 && code !== undefined) return toldOf(code);
  throw new Error(end.tail);
}

function withoutEvent({ event: _, ...report }: Record<string, unknown>): EpochReport {
  return report as unknown as EpochReport;
}
