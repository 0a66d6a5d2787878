/**
 * Two batches of every train block of every example, by `nmc train`, `--shards 2`, `nmc deploy` and the page: the same
 * epoch reports, in their fields, and in their numbers where the cut and the device are the same.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EpochReport } from '../../../spec/run-events.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { drawnSets } from '../drawn-sets.ts';
import { RunningMesh } from '../mesh/running-mesh.ts';
import { type ReportPage, reportPage } from '../page-reports.ts';
import { type Ended, jsonLines, plainEnvironment, runCommand } from '../process.ts';
import { type Refusals, refusalsDifference } from '../refusals.ts';
import { refusalsIn, reportDifference, type Told, toldOf } from '../report-difference.ts';
import { type ReportTask, reportTasks } from '../report-tasks.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const NAME = 'epoch-reports';

export const epochReportsPart: Part = {
  name: NAME,
  what: 'the same epoch reports from one machine, shards, a mesh and a page, for every train block of every example',
  takes: '10 minutes',
  run: measure,
};

const SHARDS = '2';
const target = 'the same fields; the same numbers in shards and on a mesh';

/** Only what is read here. */
interface Plan {
  readonly training?: {
    readonly batch: number;
    readonly data: { readonly range?: readonly [number, number]; readonly steps?: number };
  };
}

async function measure(context: Context): Promise<readonly Row[]> {
  if (context.trial) return [notRun(NAME, epochReportsPart.what, target, 'a trial')];
  const folder = mkdtempSync(join(tmpdir(), 'nmc-reports-'));
  process.once('exit', () => removeFolder(folder));
  const mesh = new RunningMesh(context.root, NAME);
  const page = await reportPage(context.root, folder);
  try {
    const data = context.data ?? drawnSets(folder);
    await mesh.up(2, 0);
    const rows: Row[] = [];
    const refused = new Map<string, Refusals>();
    for (const task of reportTasks(context.root, folder)) {
      const told = await toldByAll({ context, folder, data, mesh, page }, task);
      const { text, holds } = reportDifference(told, [['shards', 'deploy']]);
      refused.set(task.name, refusalsIn(told));
      context.progress(`${task.name}: ${text}`);
      rows.push({ name: NAME, what: task.name, target, measured: text, holds });
    }
    return [...rows, refusalsRow(refused)];
  } finally {
    await page.close();
    await mesh.down();
  }
}

function refusalsRow(found: ReadonlyMap<string, Refusals>): Row {
  const wrong = refusalsDifference(found);
  const count = [...found.values()].reduce((sum, codes) => sum + Object.keys(codes).length, 0);
  return {
    name: NAME,
    what: 'what is refused, and by whom',
    target: 'what docs/operator.md lists',
    measured: wrong.length === 0 ? `${count} refusals, each of them listed` : wrong.join('; '),
    holds: wrong.length === 0,
  };
}

interface Places {
  readonly context: Context;
  readonly folder: string;
  readonly data: string;
  readonly mesh: RunningMesh;
  readonly page: ReportPage;
}

async function toldByAll(
  { context, folder, data, mesh, page }: Places,
  { name, file, task }: ReportTask,
): Promise<Readonly<Record<string, Told>>> {
  const nmc = (...args: string[]): Promise<Ended> =>
    runCommand(process.execPath, [join(context.root, 'dist/nmc.cjs'), ...args], {
      cwd: folder,
      env: plainEnvironment(),
    });
  const plan = join(folder, 'plan');
  removeFolder(plan);
  const compiled = await nmc('compile', file, '--task', task, '-o', plan);
  if (compiled.code !== 0) throw new Error(`${name}: ${compiled.tail}`);
  const made = JSON.parse(readFileSync(join(plan, 'plan.json'), 'utf8')) as Plan;
  const { limit, epochs } = lengthOf(made);
  const settings = ['--limit', String(limit), '--epochs', String(epochs), '--seed', '1', '--data', data];
  const train = (out: string, ...more: string[]): Promise<Ended> => {
    removeFolder(join(folder, out));
    return nmc('train', file, '--task', task, ...settings, '--device', 'cpu', '--out', out, '--json', ...more);
  };
  const deploy = ['deploy', file, '--task', task, ...settings, '--partition', SHARDS, '--schedule', 'lockstep'];
  return {
    train: toldBy(await train('one')),
    shards: toldBy(await train('shards', '--shards', SHARDS)),
    deploy: toldBy(await mesh.ask(...deploy, '--watch')),
    page: toldOf(await page.train(plan, { epochs, seed: 1, samples: limit, tests: limit })),
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
