/**
 * Six blocks of `transformer.pcn` in four shards on four trainers, one of which is killed on the way: the bits of the same
 * shards in one process, the perplexity of one machine, and the bytes beside those of backpropagation through the same cut.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signalProcess } from '../../support/end-process.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { waitFor } from '../../support/wait-for.ts';
import { isOfThisProgram, type KeptRun, runFolder, trainKept } from '../kept-run.ts';
import { hashOfWeights } from '../mesh/hash-of-weights.ts';
import { runsIn } from '../mesh/large.ts';
import { type Json, RunningMesh } from '../mesh/running-mesh.ts';
import { jsonLines } from '../process.ts';
import { type Context, dataWith, noData, notRun, type Part, type Row } from '../row.ts';

const NAME = 'deep-mesh';
const MODEL = 'dsl-examples/transformer.pcn';
const TASK = 'borders';
const SHARDS = 4;
const SEED = 1;
/** A pass of 50 batches. */
const SETTINGS = ['--set', 'depth=6', '--set', 'stride=1250'];
/** Times the perplexity of one machine. */
const MOST = 1.02;
/** Batches: a kill behind one of them costs fewer than so many. */
const SNAPSHOT_EVERY = 10;
/** Batches before one trainer is killed: of a trial there are 16. */
const KILLED_BEHIND = 12;
const PATIENCE = { within: 3_600_000, every: 1000 };

const TRIAL = { settings: ['--set', 'width=16'], limits: ['--limit', '256'] };

export const deepMeshPart: Part = {
  name: NAME,
  what: `six blocks of ${MODEL} in four shards on four trainers, one of them killed: bits, perplexity, bytes`,
  takes: '20 minutes; kept and resumed',
  run: measure,
};

const WHAT = {
  bits: 'six blocks in four shards on four trainers, one killed and its shard refilled, against the same shards here',
  perplexity: 'the same: test perplexity against one machine, whose one shard is backpropagation',
  bytes: 'the same: bytes between shards in a batch, beside pipeline-parallel backpropagation through the same cut',
};
const TARGET = {
  bits: 'the same hash of the weights',
  perplexity: `<= ${MOST} times`,
  bytes: 'beside each other',
};

async function measure(context: Context): Promise<readonly Row[]> {
  const data = dataWith(context, 'shakespeare', 'text');
  if (data === undefined)
    return (['bits', 'perplexity', 'bytes'] as const).map((row) =>
      notRun(`${NAME}-${row}`, WHAT[row], TARGET[row], noData('shakespeare')),
    );
  const one = perplexityIn(await trainKept(runOf('one', 1), data, context));
  const shards = runOf('shards', SHARDS);
  const lockstep = perplexityIn(await trainKept(shards, data, context));
  const told = await keptOnMesh(data, context);
  // Read: it was trained on the mesh.
  const there = perplexityIn(await trainKept(runOf('there', SHARDS), data, { ...context, fresh: false }));
  const [a, b] = [runOf('shards', SHARDS), runOf('there', SHARDS)].map((r) => hashOfWeights(runFolder(r, context)));
  const hashes = a === b ? `both ${a?.slice(0, 12)}` : `${a?.slice(0, 12)} and ${b?.slice(0, 12)}`;
  const refilled = told.lost > 0 && told.terms > 1;
  const rows: Row[] = [
    {
      ...{ name: `${NAME}-bits`, what: WHAT.bits, target: TARGET.bits },
      measured: `${hashes}; ${told.lost} trainer lost, shards given ${told.terms} times`,
      holds: a === b && refilled,
    },
    {
      ...{ name: `${NAME}-perplexity`, what: WHAT.perplexity, target: TARGET.perplexity },
      measured: `${there.toFixed(3)}, ${(there / one).toFixed(3)} times ${one.toFixed(3)} (in shards here ${lockstep.toFixed(3)})`,
      holds: there <= MOST * one,
    },
    await bytesRow(told.bytes, context),
  ];
  return context.trial ? rows.map((r) => notRun(r.name, r.what, r.target, `a trial gave ${r.measured}`)) : rows;
}

function runOf(name: string, shards: number): KeptRun {
  const label = `${NAME} ${name}`;
  return {
    name: `${NAME}-${name}`,
    label,
    model: MODEL,
    task: TASK,
    seed: SEED,
    shards,
    settings: SETTINGS,
    trial: TRIAL,
  };
}

function perplexityIn({ checks }: Json): number {
  const [first] = Array.isArray(checks) ? (checks as readonly { readonly value: unknown }[]) : [];
  if (typeof first?.value !== 'number') throw new Error('a run has no perplexity');
  return first.value;
}

/** What is known of the training on the mesh beside its run. */
interface Told {
  readonly lost: number;
  /** How often the shards were given to trainers. */
  readonly terms: number;
  /** Between trainers in a batch, as they counted them before the kill: with headers and seals, to a batch more or less. */
  readonly bytes: number;
}

/** A run that was fetched is kept like one that was trained here; one that was interrupted begins again. */
async function keptOnMesh(data: string, context: Context): Promise<Told> {
  const run = runOf('there', SHARDS);
  const folder = runFolder(run, context);
  const beside = `${folder}.json`;
  const settings = [...SETTINGS, ...(context.trial ? TRIAL.settings : [])];
  if (!context.fresh && existsSync(beside) && (await isOfThisProgram(folder, run, settings, context.root)))
    return JSON.parse(readFileSync(beside, 'utf8')) as Told;
  rmSync(beside, { force: true });
  removeFolder(folder);
  const mesh = new RunningMesh(context.root, NAME);
  try {
    await mesh.up(SHARDS, 0);
    const limits = context.trial ? TRIAL.limits : [];
    const more = [...settings, ...limits, '--seed', String(SEED), '--snapshot-every', String(SNAPSHOT_EVERY)];
    const cut = ['--partition', String(SHARDS), '--schedule', 'lockstep'];
    const model = join(context.root, MODEL);
    const [deployed = {}] = await mesh.json('deploy', model, TASK, '--data', data, ...cut, ...more);
    const told = await killedOnTheWay(mesh, String(deployed.run), context);
    const fetched = await mesh.ask('fetch', String(deployed.run), '-o', folder);
    if (fetched.code !== 0) throw new Error(fetched.tail);
    if (!(await isOfThisProgram(folder, run, settings, context.root)))
      throw new Error('the mesh trained another plan than nmc compile makes');
    writeFileSync(beside, JSON.stringify(told));
    return told;
  } finally {
    await mesh.down();
  }
}

interface ShardOf {
  readonly batch: number;
  readonly bytesSent: number;
}

async function killedOnTheWay(mesh: RunningMesh, name: string, { progress }: Context): Promise<Told> {
  const look = async () => {
    const status = await mesh.status();
    const run = runsIn(status).find((r) => r.run === name) ?? {};
    if (run.state === 'failed') throw new Error(`${name}: ${String(run.reason)}`);
    const shards = (run.shards ?? []) as readonly ShardOf[];
    return { status, run, shards, batch: shards.length === 0 ? 0 : Math.min(...shards.map((s) => s.batch)) };
  };
  const seen = (what: string, holds: (found: Awaited<ReturnType<typeof look>>) => boolean) =>
    waitFor(
      what,
      async () => {
        const found = await look();
        return holds(found) ? found : undefined;
      },
      PATIENCE,
    );
  const first = await seen('first batch', ({ batch }) => batch > 0);
  const last = await seen(
    'batch to kill in',
    ({ run, batch }) => Number(run.snapshot ?? 0) > 0 && batch > KILLED_BEHIND,
  );
  const trainers = last.status.trainers as readonly { readonly pid: number; readonly work?: readonly Json[] }[];
  const victim = trainers.find(({ work = [] }) => work.some((w) => w.run === name));
  signalProcess(victim?.pid, 'SIGKILL');
  progress(`${NAME}: killed a trainer in batch ${last.batch}`);
  await seen('end', ({ run }) => run.state === 'done');
  const log = await mesh.json('logs', name);
  const count = (event: string): number => log.filter((e) => e.event === event).length;
  const bytes = last.shards.reduce((sum, s, i) => {
    const before = first.shards[i];
    return before ? sum + (s.bytesSent - before.bytesSent) / (s.batch - before.batch) : sum;
  }, 0);
  return { lost: count('lost'), terms: count('epoch-of-owners'), bytes };
}

/** Of a plan, as `nmc show` counts them. */
interface Figures {
  readonly shards: readonly { readonly holds: readonly string[] }[];
  readonly totals: { readonly borderBytesPerBatch: number };
}

async function bytesRow(sent: number, context: Context): Promise<Row> {
  const mesh = new RunningMesh(context.root, `${NAME}-plan`);
  const own = await figuresOf(mesh, TASK, 'own', context);
  const bp = await figuresOf(mesh, 'bp', 'bp', context, '--from', 'own');
  const same = JSON.stringify(own.shards.map((s) => s.holds)) === JSON.stringify(bp.shards.map((s) => s.holds));
  const [mine, theirs] = [own, bp].map((f) => f.totals.borderBytesPerBatch) as [number, number];
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
  return {
    ...{ name: `${NAME}-bytes`, what: WHAT.bytes, target: TARGET.bytes },
    measured: `${megabytes(mine)} counted (${megabytes(sent)} sent), ${(mine / theirs).toFixed(1)} times ${megabytes(theirs)}${same ? '' : ', of ANOTHER CUT'}`,
    holds: same && sent > 0,
  };
}

/** In lockstep backpropagation sends activities forward and gradients back once a batch, as it does in a pipeline. */
async function figuresOf(
  mesh: RunningMesh,
  task: string,
  plan: string,
  { root, trial }: Context,
  ...more: readonly string[]
): Promise<Figures> {
  const cut = ['--partition', String(SHARDS), ...SETTINGS, ...(trial ? TRIAL.settings : [])];
  const compiled = await mesh.run('compile', join(root, MODEL), task, ...cut, ...more, '-o', plan);
  if (compiled.code !== 0) throw new Error(compiled.tail);
  const shown = await mesh.run('show', plan, '--json');
  const [figures] = jsonLines(shown.lines);
  if (shown.code !== 0 || figures === undefined) throw new Error(shown.tail);
  return figures as unknown as Figures;
}
