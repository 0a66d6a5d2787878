/** A plan is taken or refused alike from a folder, from blobs in memory and into a page: one function looks at all. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { kernelFiles, lowerToWgsl } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { planBytes } from '../../../compiler/8-plan/build.ts';
import { sha256 } from '../../../compiler/8-plan/canonical.ts';
import { withKernels } from '../../../compiler/8-plan/kernels.ts';
import { fetchPlan } from '../../../runtime/browser/fetch-plan.ts';
import { verifyForeign } from '../../../runtime/cli/planning/verify-foreign.ts';
import { planFolder } from '../../../runtime/plan/plan-folder.ts';
import { planInMemory } from '../../../runtime/plan/plan-memory.ts';
import { verifyPlan } from '../../../runtime/plan/verify-plan.ts';
import type { Plan } from '../../../spec/plan.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { mutate, seeded } from '../../fuzz/mutate.ts';
import { codeOf } from '../../support/code-of.ts';
import { makePlan, remove, writeMade } from './make-plan.ts';

type Files = Map<string, Uint8Array>;

const PROGRAM = 'shards/0/program.txt';
const LIST = 'kernels/dispatches.txt';
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

const { plan, files } = tiny();
const sound: ReadonlyMap<string, Uint8Array> = new Map([['plan.json', planBytes(plan)], ...files]);
const folder = writeMade({ plan, json: planBytes(plan), files });
afterAll(() => remove(folder));
afterEach(() => vi.unstubAllGlobals());

function tiny() {
  const made = makePlan();
  const program = parseProgram(decode(made.files.get(PROGRAM)));
  return withKernels({ ...made, program }, kernelFiles(lowerToWgsl(program)));
}

/** Result of each way: `accepted`, or the code of the refusal. */
async function said(damaged: Files): Promise<Record<'folder' | 'memory' | 'page', string>> {
  for (const [path, bytes] of damaged) writeFileSync(join(folder, path), bytes);
  vi.stubGlobal('fetch', (address: string) => {
    const bytes = damaged.get(decodeURIComponent(address.slice('http://plan/'.length)));
    return Promise.resolve(bytes ? new Response(new Uint8Array(bytes)) : new Response('', { status: 404 }));
  });
  return {
    folder: await codeOf(() => verifyPlan(planFolder(folder), verifyForeign)),
    memory: await codeOf(() => verifyPlan(planInMemory('it', damaged), verifyForeign)),
    page: await codeOf(() => fetchPlan('http://plan/', verifyForeign)),
  };
}

const alike = (code: string) => ({ folder: code, memory: code, page: code });

/** Replaces a file and makes its hash right: whoever makes a hostile plan can count. */
function forged(path: string, change: (text: string) => string): Files {
  const bytes = encode(change(decode(sound.get(path))));
  const listed = plan.files.map((f) => (f.path === path ? { path, sha256: sha256(bytes), bytes: bytes.length } : f));
  return new Map([...sound, [path, bytes], ['plan.json', planBytes({ ...plan, files: listed })]]);
}

const listed = (change: (plan: Plan) => unknown): Files =>
  new Map([...sound, ['plan.json', encode(JSON.stringify(change(plan)))]]);

describe('a folder, a mesh and a page', () => {
  test('read a sound plan', async () => {
    expect(await said(new Map(sound))).toEqual(alike('accepted'));
  });

  const shard = (change: object) => listed((p) => ({ ...p, shards: p.shards.map((s) => ({ ...s, ...change })) }));
  test.each<[string, string, () => Files]>([
    ['a later format', 'plan/version', () => listed((p) => ({ ...p, format: '3.0' }))],
    ['a form that the schema does not know', 'plan/format', () => listed((p) => ({ ...p, predictions: 'none' }))],
    ['a shard that calls itself another', 'plan/format', () => shard({ id: 1 })],
    [
      'a path out of its folder',
      'plan/path',
      () => listed((p) => ({ ...p, files: [...p.files, { path: '../x', sha256: '0'.repeat(64), bytes: 0 }] })),
    ],
    [
      'more bytes than any plan',
      'plan/format',
      () => listed((p) => ({ ...p, files: p.files.map((f) => ({ ...f, bytes: 1e12 })) })),
    ],
    ['a kernel that is not listed', 'plan/format', () => shard({ kernels: [LIST, 'kernels/none.wgsl'] })],
    [
      'a changed program',
      'plan/hash',
      () => new Map([...sound, [PROGRAM, encode(decode(sound.get(PROGRAM)).replace('tanh', 'sinh'))]]),
    ],
    [
      'a longer program',
      'plan/format',
      () => new Map([...sound, [PROGRAM, encode(`${decode(sound.get(PROGRAM))}\n`)]]),
    ],
    [
      'a training batch that the program does not take',
      'plan/format',
      () => listed((p) => ({ ...p, training: { ...p.training, batch: 17 } })),
    ],
    ['an unknown operator', 'plan/format', () => forged(PROGRAM, (t) => t.replace(/= matmul\(/, '= system('))],
    [
      'shapes that do not fit',
      'plan/format',
      () => forged(PROGRAM, (t) => t.replace(/(= matmul\(.*\) : )\[[^\]]*\]/, '$1[3, 3]')),
    ],
    [
      'kernels of another program',
      'plan/format',
      () => forged(LIST, (t) => t.replace(/^function "train"/m, 'function "tram"')),
    ],
  ])('refuse %s', async (_, code, made) => {
    expect(await said(made())).toEqual(alike(code));
  });

  test('say the same of 150 damaged plans', async () => {
    const counts = new Map<string, number>();
    const paths = ['plan.json', PROGRAM, LIST];
    for (let seed = 1; seed <= 150; seed++) {
      const path = paths[seed % paths.length] ?? '';
      const damage = (text: string): string => mutatedLine(text, seed);
      const damaged =
        path === 'plan.json'
          ? new Map([...sound, [path, encode(damage(decode(sound.get(path))))]])
          : forged(path, damage);
      const { folder, memory, page } = await said(damaged);
      expect(folder, `seed ${seed}`).toBe(memory);
      // A page does not look at files for the CPU.
      if (memory === 'accepted' || path !== 'plan.json') expect(page, `seed ${seed}`).toBe(memory);
      counts.set(memory, (counts.get(memory) ?? 0) + 1);
    }
    expect([...counts.keys()]).toEqual(expect.arrayContaining(['accepted', 'plan/format']));
  }, 120_000);
});

test('a file of another size than the plan says is never read', () => {
  const read: string[] = [];
  const whole = planInMemory('it', new Map(sound));
  const find = (path: string) => {
    const found = whole.find(path);
    if (!found) return undefined;
    return {
      size: path === PROGRAM ? 2 ** 40 : found.size,
      read: () => {
        read.push(path);
        return found.read();
      },
    };
  };
  expect(() => verifyPlan({ name: 'it', find }, verifyForeign)).toThrow(`${PROGRAM} has ${2 ** 40} bytes`);
  expect(read).not.toContain(PROGRAM);
});

function mutatedLine(text: string, seed: number): string {
  const by = text.includes('\n') ? '\n' : ',';
  const lines = text.split(by);
  const at = Math.floor(seeded(seed)() * lines.length);
  lines[at] = mutate(lines[at] ?? '', seed);
  return lines.join(by);
}
