/**
 * Damaged plans with the right hashes: refused as a user's mistake or accepted, never a throw or a hang. What is
 * accepted runs. A tenth of NMC_FUZZ (200 by default): a plan is read slower than a model.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { planBytes } from '../../compiler/8-plan/build.ts';
import { planToDot } from '../../compiler/8-plan/svg.ts';
import { executablesOf } from '../../runtime/cli/compiling/plan-executables.ts';
import { openPlan } from '../../runtime/cli/planning/open-plan.ts';
import { figuresOf } from '../../runtime/cli/planning/plan-figures.ts';
import { planMemory } from '../../runtime/cli/planning/plan-memory.ts';
import { rateOf, textOf } from '../../runtime/cli/planning/show-plan.ts';
import { cpuDevice } from '../../runtime/device/cpu/cpu.ts';
import { fieldArrays } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import type { VerifiedPlan } from '../../runtime/plan/verify-plan.ts';
import { UserError } from '../../runtime/support/errors.ts';
import { type Program, sizeOf } from '../../spec/program.ts';
import { shardedPlan, THINNED } from '../support/sharded-plans.ts';
import { SMALL_MEMORY } from '../support/small-memory.ts';
import { forge, makePlan, remove, writeMade } from '../unit/plan/make-plan.ts';
import { mutate, seeded } from './mutate.ts';
import { MAX_MILLISECONDS, processorTime } from './processor-time.ts';

const COUNT = Math.ceil(Number(process.env.NMC_FUZZ ?? 2000) / 10);
const FIRST_SEED = Number(process.env.NMC_FUZZ_SEED ?? 1);
/** Of an accepted program; larger ones take longer, not other ways. */
const MAX_ELEMENTS = 2e6;

const made = makePlan();
const folder = writeMade(made);
afterAll(() => remove(folder));

const decode = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const originals = new Map([...made.files, ['plan.json', made.json] as const]);
const TEXTS = ['plan.json', 'shards/0/program.txt'];

test(`${COUNT} damaged plans are verified or refused`, async () => {
  let accepted = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
    const path = TEXTS[seed % TEXTS.length] ?? '';
    // Every second one gets one line damaged only, so that it comes far.
    const text = decode(originals.get(path));
    const damaged = seed % 2 === 0 ? mutate(text, seed) : mutateLine(text, seed);
    writeFileSync(join(folder, 'plan.json'), made.json);
    for (const name of TEXTS.slice(1)) forge(folder, name, originals.get(name) ?? '');
    if (path === 'plan.json') writeFileSync(join(folder, path), damaged);
    else forge(folder, path, damaged);
    const before = process.cpuUsage();
    const loaded = open(folder, seed, damaged);
    const program = loaded?.programs[0];
    expect(processorTime(before), `seed ${seed}`).toBeLessThan(MAX_MILLISECONDS);
    if (!loaded || program === undefined) continue;
    accepted++;
    if (elementsOf(program) >= MAX_ELEMENTS) continue;
    await runOnce(program);
    await lowerOnce(loaded, seed, damaged);
  }
  expect(accepted).toBeGreaterThan(0);
  expect(accepted).toBeLessThan(COUNT);
}, 7_200_000);

const tiled = shardedPlan(SMALL_MEMORY, 5);
const thinned = shardedPlan(THINNED, 3);

test.each([
  ['tiles', tiled],
  ['thinned links', thinned],
] as const)(
  `${COUNT} damaged plans of several shards with %s are verified or refused`,
  (_, { plan, files }) => {
    const json = planBytes(plan);
    const place = writeMade({ plan, json, files });
    const texts = ['plan.json', 'shards/1/program.txt', 'shards/1/schedule.json'];
    let accepted = 0;
    try {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
        const path = texts[seed % texts.length] ?? '';
        const text = decode(path === 'plan.json' ? json : files.get(path));
        const damaged = mutateLine(text, seed);
        writeFileSync(join(place, 'plan.json'), json);
        for (const name of texts.slice(1)) forge(place, name, files.get(name) ?? '');
        if (path === 'plan.json') writeFileSync(join(place, path), damaged);
        else forge(place, path, damaged);
        const found = open(place, seed, damaged);
        if (!found) continue;
        accepted++;
        // What is shown of an accepted plan is of shards that it has.
        const figures = { ...figuresOf(found.plan, planMemory(found)), rate: rateOf(found) };
        expect(textOf(found.plan, figures)).toContain(found.plan.model);
        expect(planToDot(found.plan)).toContain('graph');
      }
    } finally {
      remove(place);
    }
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(COUNT);
  },
  7_200_000,
);

function mutateLine(text: string, seed: number): string {
  const lines = text.split(text.includes('\n') ? '\n' : ',');
  const at = Math.floor(seeded(seed)() * lines.length);
  lines[at] = mutate(lines[at] ?? '', seed);
  return lines.join(text.includes('\n') ? '\n' : ',');
}

/** An accepted plan. */
function open(place: string, seed: number, damaged: string): VerifiedPlan | undefined {
  try {
    return openPlan(place);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw new Error(`seed ${seed}: ${damaged.slice(0, 2000)}`, { cause: error });
  }
}

async function runOnce(program: Program): Promise<void> {
  const session = await referenceDevice.open({ program, files: new Map() });
  for (const f of program.functions) {
    const inputs = Object.fromEntries(f.inputs.map((i) => [i.field, new fieldArrays[i.type](sizeOf(i.shape))]));
    await session.run(f.name, inputs, { batch: 0, batches: 1 });
  }
  await session.close();
}

/** To kernels of our own, or refused: those that the plan brings are of the program as it was. */
async function lowerOnce(loaded: VerifiedPlan, seed: number, damaged: string): Promise<void> {
  try {
    await executablesOf(folder, { ...loaded, brought: [] }, cpuDevice);
  } catch (error) {
    if (!(error instanceof UserError)) throw new Error(`seed ${seed}: ${damaged.slice(0, 2000)}`, { cause: error });
  }
}

function elementsOf(program: Program): number {
  return program.functions.reduce(
    (sum, f) => sum + f.blocks.reduce((n, b) => n + b.repeat * b.ops.reduce((m, op) => m + sizeOf(op.shape), 0), 0),
    0,
  );
}
