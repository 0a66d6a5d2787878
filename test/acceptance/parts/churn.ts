/**
 * A thousand trainers that come and go, in virtual time and without numbers: the borders, the schedule and the roles of a
 * real plan. What `nmc simulate PLAN --churn --seeds N` does, kept seed by seed.
 */
import { join } from 'node:path';
import { virtualRun } from '../../../runtime/cli/mesh/simulated-plan.ts';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import { trainingOf } from '../../../runtime/cli/training/train-settings.ts';
import { churnOf } from '../../../runtime/simulation/faults.ts';
import { MAX_WITHOUT_OWNER_MS } from '../../../runtime/simulation/invariants.ts';
import { SeedTally } from '../../../runtime/simulation/seed-tally.ts';
import { type SimulationResult, simulate } from '../../../runtime/simulation/simulation.ts';
import { KeptRows } from '../kept-rows.ts';
import { plainEnvironment, runCommand } from '../process.ts';
import type { Context, Part, Row } from '../row.ts';

const NAME = 'chaos-churn';
const MODEL = 'cortex';
const [SHARDS, NODES, SEEDS, SECONDS] = [64, 1000, 1000, 60];
/** More than there is time for: a training that ends shows nothing any more. */
const EPOCHS = 1000;
const [BATCHES, SNAPSHOT_EVERY] = [100, 5];
const TRIAL = { nodes: 100, seeds: 2, seconds: 20 };

export const churnPart: Part = {
  name: NAME,
  what: `${MODEL}.pcn in ${SHARDS} shards on ${NODES} virtual trainers that come and go, ${SEEDS} seeds of ${SECONDS} s`,
  takes: 'an hour or more, kept as it goes',
  run,
};

type Kept = Pick<SimulationResult, 'violations' | 'longestWithoutOwner' | 'kills' | 'runs' | 'epochs'>;

async function run(context: Context): Promise<readonly Row[]> {
  const size = context.trial ? TRIAL : { nodes: NODES, seeds: SEEDS, seconds: SECONDS };
  const kept = new KeptRows<Kept>(context, context.trial ? `${NAME}-trial` : NAME);
  const plan = await compiled(context);
  const tally = new SeedTally();
  let terms = 0;
  const broken: string[] = [];
  for (let seed = 1; seed <= size.seeds; seed++) {
    const name = String(seed);
    const before = kept.get(name);
    const found = before ?? of(simulated(plan, seed, size));
    if (!before) kept.keep(name, found);
    terms += found.epochs;
    if (!tally.add(seed, found, false)) broken.push(`seed ${seed}: ${found.violations[0] ?? 'without an owner'}`);
    if (seed % 10 === 0 || broken.at(-1)?.startsWith(`seed ${seed}:`))
      context.progress(`${seed} seeds, ${tally.told.kills} kills: ${broken.at(-1) ?? 'none is broken'}`);
  }
  if (broken.length === 0) kept.done();
  return rowsOf(context, tally.told, terms, broken);
}

function rowsOf(
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
      ...{ name: NAME, what: `${what}: shards with two owners`, target: 'none' },
      measured: two.length === 0 ? 'none' : two.slice(0, 3).join('; '),
      ...measured(two.length === 0),
    },
    {
      ...{ name: NAME, what: `${what}: longest without an owner while a trainer is free` },
      target: `< ${MAX_WITHOUT_OWNER_MS / 1000} s`,
      measured: `${(longestWithoutOwner / 1000).toFixed(1)} s (seed ${longestOf})`,
      ...measured(longestWithoutOwner < MAX_WITHOUT_OWNER_MS),
    },
  ];
}

/** Without what is large or of no use later. */
function of({ violations, longestWithoutOwner, kills, runs, epochs }: SimulationResult): Kept {
  return { violations: violations.slice(0, 3), longestWithoutOwner, kills, epochs, runs: runs.map(withoutParts) };
}

function withoutParts(run: SimulationResult['runs'][number]): SimulationResult['runs'][number] {
  return { ...run, parts: [] };
}

function simulated(
  opened: ReturnType<typeof openPlan>,
  seed: number,
  { nodes, seconds }: { readonly nodes: number; readonly seconds: number },
): SimulationResult {
  const training = { run: MODEL, batches: BATCHES, epochs: EPOCHS, snapshotEvery: SNAPSHOT_EVERY, seed };
  const options = { nodes, seed, faults: churnOf(seed), until: 1000 * seconds };
  return simulate({ ...virtualRun(opened, trainingOf(opened.plan), training), ...options });
}

async function compiled({ root }: Context): Promise<ReturnType<typeof openPlan>> {
  const out = join(root, '.cache', 'acceptance', `${NAME}.plan`);
  const args = ['compile', `dsl-examples/${MODEL}.pcn`, '--partition', String(SHARDS), '-o', out];
  const nmc = join(root, 'dist/nmc.cjs');
  const end = await runCommand(process.execPath, [nmc, ...args], { cwd: root, env: plainEnvironment() });
  if (end.code !== 0) throw new Error(end.tail);
  return openPlan(out);
}
