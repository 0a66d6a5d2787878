/**
 * Plans damaged on their way, byte by byte and file by file: a folder, blobs of a mesh and a page refuse the same ones
 * with the same code, and nothing but a `UserError` comes of any. An eightieth of NMC_FUZZ (25 by default).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { kernelFiles, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import { planBytes } from '../../compiler/8-plan/build.ts';
import { withKernels } from '../../compiler/8-plan/kernels.ts';
import { fetchPlan } from '../../runtime/browser/fetch-plan.ts';
import { deployedPlan } from '../../runtime/cli/mesh/fetched-plan.ts';
import { openPlan } from '../../runtime/cli/planning/open-plan.ts';
import { verifyForeign } from '../../runtime/cli/planning/verify-foreign.ts';
import { parseProgram } from '../../spec/program-text.ts';
import { codeOf } from '../support/code-of.ts';
import { shardedPlan, THINNED } from '../support/sharded-plans.ts';
import { type MadePlan, makePlan, remove, writeMade } from '../unit/plan/make-plan.ts';
import { mutate, seeded } from './mutate.ts';

const COUNT = Math.ceil(Number(process.env.NMC_FUZZ ?? 2000) / 80);
const FIRST_SEED = Number(process.env.NMC_FUZZ_SEED ?? 1);

type Files = ReadonlyMap<string, Uint8Array>;

const folders: string[] = [];
afterAll(() => folders.forEach(remove));
afterEach(() => vi.unstubAllGlobals());

/** A byte changed, bytes cut off, a file of nothing, one that became another one, or a line of a text changed. */
function damage(files: Files, seed: number): Files {
  const next = seeded(seed);
  const paths = [...files.keys()].sort();
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const path = pick(paths);
  const bytes = files.get(path) ?? new Uint8Array();
  const at = Math.floor(next() * bytes.length);
  const ways: readonly (() => Uint8Array)[] = [
    () => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)),
    () => bytes.slice(0, at),
    () => new Uint8Array(),
    () => files.get(pick(paths)) ?? bytes,
    () => new TextEncoder().encode(mutate(new TextDecoder().decode(bytes), seed)),
  ];
  return new Map([...files, [path, pick(ways)()]]);
}

async function saidOf(folder: string, files: Files, shards: number): Promise<Record<string, string>> {
  for (const [path, bytes] of files) writeFileSync(join(folder, path), bytes);
  vi.stubGlobal('fetch', (address: string) => {
    const bytes = files.get(decodeURIComponent(address.slice('http://plan/'.length)));
    return Promise.resolve(bytes ? new Response(new Uint8Array(bytes)) : new Response('', { status: 404 }));
  });
  return {
    folder: await codeOf(() => openPlan(folder)),
    mesh: await codeOf(() => deployedPlan({ run: 'r', shards }, files)),
    ...(shards === 1 ? { page: await codeOf(() => fetchPlan('http://plan/', verifyForeign)) } : {}),
  };
}

const withList = ({ plan, files }: MadePlan): Files => new Map([['plan.json', planBytes(plan)], ...files]);

function oneShard(): MadePlan {
  const made = makePlan();
  const text = new TextDecoder().decode(made.files.get('shards/0/program.txt'));
  const program = parseProgram(text);
  const { plan, files } = withKernels({ ...made, program }, kernelFiles(lowerToWgsl(program)));
  return { plan, files, json: planBytes(plan) };
}

function threeShards(): MadePlan {
  const { plan, files } = shardedPlan(THINNED, 3);
  return { plan, files, json: planBytes(plan) };
}

test.each([
  ['one shard', 1, oneShard()],
  ['three shards', 3, threeShards()],
] as const)(
  `${COUNT} plans of %s, damaged on their way, are refused alike by every reader`,
  async (_, shards, made) => {
    const folder = writeMade(made);
    const sound = withList(made);
    folders.push(folder);
    expect(new Set(Object.values(await saidOf(folder, sound, shards)))).toEqual(new Set(['accepted']));
    const codes = new Set<string>();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
      const damaged = damage(sound, seed);
      const { folder: first = '', ...others } = await saidOf(folder, damaged, shards);
      for (const [way, code] of Object.entries(others)) {
        // A page does not look at files for the CPU.
        if (way === 'page' && code === 'accepted') continue;
        expect(code, `seed ${seed}, ${way}`).toBe(first);
      }
      codes.add(first);
    }
    expect([...codes]).toEqual(expect.arrayContaining(['plan/hash', 'plan/format']));
  },
  120_000,
);
