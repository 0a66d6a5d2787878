/**
 * A thousand trainers that come and go, in virtual time and without numbers: the borders, the schedule and the roles of a
 * real plan, in lockstep and in `async`. What `nmc simulate PLAN --churn --seeds N` does, on all processors and kept seed
 * by seed: begun again it goes on.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { MAX_WITHOUT_OWNER_MS } from '../../../runtime/simulation/invariants.ts';
import { SeedTally } from '../../../runtime/simulation/seed-tally.ts';
import { KeptRows } from '../kept-rows.ts';
import { plainEnvironment, runCommand } from '../process.ts';
import type { Context, Part, Row } from '../row.ts';
import type { ChurnSeeds, FoundSeed, Kept } from './churn-seeds.ts';

const MODEL = 'cortex';
const [SHARDS, NODES, SEEDS, SECONDS] = [64, 1000, 1000, 60];
/** More epochs than there is time for: a training that ends shows nothing any more. */
const LENGTHS = { batches: 100, epochs: 1000, snapshotEvery: 5 };
const FULL = { nodes: NODES, seconds: SECONDS, ...LENGTHS };
const TRIAL = { nodes: 100, seconds: 20, ...LENGTHS };
const TRIED = 2;

/** A schedule, and how its plan is compiled. */
const SCHEDULES: Readonly<Record<string, readonly string[]>> = {
  'chaos-churn': [],
  'chaos-churn-async': ['--schedule', 'async', '--staleness', '2'],
};

export const churnParts: readonly Part[] = Object.entries(SCHEDULES).map(([name, options]) => ({
  name,
  what: `${MODEL}.pcn in ${SHARDS} shards${options.length === 0 ? '' : ' that read what they have'}, on ${NODES} virtual trainers that come and go, ${SEEDS} seeds of ${SECONDS} s`,
  takes: 'half an hour or more, kept as it goes',
  run: (context) => churn(name, options, context),
}));

async function churn(name: string, options: readonly string[], context: Context): Promise<readonly Row[]> {
  const kept = new KeptRows<Kept>(context, context.trial ? `${name}-trial` : name);
  const seeds = Array.from({ length: context.trial ? TRIED : SEEDS }, (_, i) => i + 1);
  const plan = await compiled(name, options, context);
  const left = seeds.filter((seed) => !kept.get(String(seed)));
  const threads = Math.min(availableParallelism(), left.length);
  let done = seeds.length - left.length;
  const hear = ({ seed, found }: FoundSeed): void => {
    kept.keep(String(seed), found);
    if (++done % 10 === 0 || found.violations.length > 0)
      context.progress(`${done} seeds${found.violations.map((v) => `; seed ${seed}: ${v}`).join('')}`);
  };
  const size = context.trial ? TRIAL : FULL;
  const shares = Array.from({ length: threads }, (_, t) => left.filter((_seed, i) => i % threads === t));
  await Promise.all(shares.map((own) => inThread({ plan, run: MODEL, size, seeds: own }, hear)));
  const tally = new SeedTally();
  let terms = 0;
  const broken: string[] = [];
  for (const seed of seeds) {
    const found = kept.get(String(seed));
    if (!found) throw new Error(`nothing has come of seed ${seed}`);
    terms += found.epochs;
    if (!tally.add(seed, found, false)) broken.push(`seed ${seed}: ${found.violations[0] ?? 'without an owner'}`);
  }
  if (broken.length === 0) kept.done();
  return rowsOf(name, context, tally.told, terms, broken);
}

/** @throws Error as the thread does */
function inThread(workerData: ChurnSeeds, hear: (found: FoundSeed) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./churn-seeds.js', import.meta.url), { workerData });
    worker.on('message', hear);
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}

function rowsOf(
  name: string,
  { trial }: Context,
  { seeds, kills, longestWithoutOwner, longestOf }: SeedTally['told'],
  terms: number,
  broken: readonly string[],
): Row[] {
  const two = broken.filter((line) => !line.endsWith('without an owner'));
  const measured = (holds: boolean): Pick<Row, 'holds'> => (trial ? {} : { holds });
  const what = `${MODEL}.pcn in ${SHARDS} shards, ${seeds} seeds, ${kills} kills, ${terms} terms`;
  return [
    {
      ...{ name, what: `${what}: shards with two owners`, target: 'none' },
      measured: two.length === 0 ? 'none' : two.slice(0, 3).join('; '),
      ...measured(two.length === 0),
    },
    {
      ...{ name, what: `${what}: longest without an owner while a trainer is free` },
      target: `< ${MAX_WITHOUT_OWNER_MS / 1000} s`,
      measured: `${(longestWithoutOwner / 1000).toFixed(1)} s (seed ${longestOf})`,
      ...measured(longestWithoutOwner < MAX_WITHOUT_OWNER_MS),
    },
  ];
}

async function compiled(name: string, options: readonly string[], { root }: Context): Promise<string> {
  const out = join(root, '.cache', 'acceptance', `${name}.plan`);
  const args = ['compile', `dsl-examples/${MODEL}.pcn`, '--partition', String(SHARDS), ...options, '-o', out];
  const nmc = join(root, 'dist/nmc.cjs');
  const end = await runCommand(process.execPath, [nmc, ...args], { cwd: root, env: plainEnvironment() });
  if (end.code !== 0) throw new Error(end.tail);
  return out;
}
