/** Compiled forms of a plan from outside: never run, and refused where they are not what the program is lowered to. */

import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { lowerShardToCpu } from '../../../compiler/7-kernels/onnx/shards.ts';
import type { BuiltPlan } from '../../../compiler/8-plan/build.ts';
import { planBytes } from '../../../compiler/8-plan/build.ts';
import { sha256 } from '../../../compiler/8-plan/canonical.ts';
import { buildProgram, checkFile } from '../../../compiler/compile.ts';
import { fileHost } from '../../../compiler/host.ts';
import { executablesOf } from '../../../runtime/cli/compiling/plan-executables.ts';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import { compilerName } from '../../../runtime/cli/shell/package-root.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import type { Executable } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { otherKernel } from '../../../runtime/plan/own-kernels.ts';
import { UserError } from '../../../runtime/support/errors.ts';
import type { Program } from '../../../spec/program.ts';
import { parseProgram, printProgram } from '../../../spec/program-text.ts';
import { builtPlanOrWhyNot } from '../../support/built-plans.ts';
import { tinyModel } from '../../support/nmc.ts';
import { shardedPlan, THINNED } from '../../support/sharded-plans.ts';
import { SMALL_MEMORY } from '../../support/small-memory.ts';
import { changePlan, forge, makePlan, remove, writeMade } from './make-plan.ts';

const made = makePlan();
let folder = '';
beforeEach(() => {
  folder = writeMade(made);
});
afterEach(() => remove(folder));

async function opened(called?: readonly string[]): Promise<Executable> {
  const [source] = await executablesOf(folder, openPlan(folder), cpuDevice, called && { called });
  if (!source) throw new Error('a plan has a shard');
  return source.executable;
}

async function refusal(called?: readonly string[]): Promise<string> {
  try {
    await opened(called);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.code;
  }
}

/** A model that repeats its body for so long that nothing else is ever done: `Loop` of ONNX, whose condition holds. */
const ENDLESS = Uint8Array.from([8, 8, 58, 8, 10, 6, 34, 4, 76, 111, 111, 112]);

test('the kernels of a plan are those that are lowered here', async () => {
  const { files } = await opened();
  for (const [name, bytes] of files)
    expect(Buffer.from(bytes).equals(made.files.get(name) ?? Buffer.of()), name).toBe(true);
  expect(files.size).toBe(made.plan.shards[0]?.cpu.length);
});

test.each(['cpu/train.onnx', 'cpu/predict.classify.onnx', 'cpu/train.wasm'])('another %s is refused', async (path) => {
  forge(folder, path, ENDLESS);
  expect(await refusal()).toBe('plan/kernels');
});

test('another description is refused', async () => {
  const text = new TextDecoder().decode(made.files.get('cpu/train.json'));
  forge(folder, 'cpu/train.json', text.replace('[16,28,28]', '[16,28,29]'));
  expect(await refusal()).toBe('plan/kernels');
});

test('a file of no function, and one too few, are refused', async () => {
  changePlan(folder, (plan) => ({
    ...plan,
    shards: plan.shards.map((s) => ({ ...s, cpu: s.cpu.filter((path) => path !== 'cpu/train.onnx') })),
  }));
  expect(await refusal()).toBe('plan/kernels');
  changePlan(folder, (plan) => ({
    ...plan,
    shards: plan.shards.map((s) => ({ ...s, cpu: [...(made.plan.shards[0]?.cpu ?? []), s.program] })),
  }));
  expect(await refusal()).toBe('plan/kernels');
});

test('another program under the same kernels is refused', async () => {
  const path = 'shards/0/program.txt';
  const text = new TextDecoder().decode(made.files.get(path));
  const changed = text.replace(/= tanh\(/, '= exp(');
  expect(changed).not.toBe(text);
  forge(folder, path, changed);
  expect(await refusal()).toBe('plan/kernels');
});

test('kernels of another compiler are neither read nor run', async () => {
  forge(folder, 'cpu/train.onnx', ENDLESS);
  changePlan(folder, (plan) => ({ ...plan, compiler: 'nmc 0.0.0-other' }));
  const { files } = await opened();
  expect(Buffer.from(files.get('cpu/train.onnx') ?? []).equals(made.files.get('cpu/train.onnx') ?? Buffer.of())).toBe(
    true,
  );
});

test('a plan without kernels is lowered, and one for another device is run as it is', async () => {
  changePlan(folder, (plan) => ({ ...plan, shards: plan.shards.map((s) => ({ ...s, cpu: [] })) }));
  expect((await opened()).files.size).toBeGreaterThan(0);
  const [source] = await executablesOf(folder, openPlan(folder), referenceDevice);
  expect(source?.executable.files.size).toBe(0);
});

test('only functions that are called are lowered and compared with the plan', async () => {
  const { files } = await opened(['predict.classify']);
  expect([...files.keys()].filter((name) => name.includes('train'))).toEqual(
    [...made.files.keys()].filter((name) => name.startsWith('cpu/train.step.')),
  );
  forge(folder, 'cpu/train.onnx', ENDLESS);
  expect(await refusal(['predict.classify'])).toBe('accepted');
  forge(folder, 'cpu/predict.classify.onnx', ENDLESS);
  expect(await refusal(['predict.classify'])).toBe('plan/kernels');
});

test('a program that would fill the memory when its ticks are written out is refused', async () => {
  remove(folder);
  const settling = makePlan(tinyModel().replace('steps = 3', 'steps = 8'));
  folder = writeMade(settling);
  const path = 'shards/0/program.txt';
  const text = new TextDecoder().decode(settling.files.get(path));
  const changed = text.replace(/repeat \d+ from/, 'repeat 1000000 from');
  expect(changed).not.toBe(text);
  forge(folder, path, changed);
  expect(await refusal()).toBe('plan/kernels');
});

/** The text of a program alone gives the bytes that the compiler made of the program in memory. */
function expectSame(program: Program, brought: ReadonlyMap<string, Uint8Array>, lower = lowerToCpu): void {
  const lowered = lower(parseProgram(printProgram(program)));
  const names = new Set(program.functions.map((f) => f.name));
  const hashes = new Map([...brought].map(([name, bytes]) => [name, sha256(bytes)]));
  expect(otherKernel(program, names, lowered, hashes)).toBeUndefined();
}

function expectSameShards({ shards }: BuiltPlan): void {
  for (const { program, files } of shards ?? []) expectSame(program, files, (read) => lowerShardToCpu(read, new Map()));
}

const inputs = { compiler: compilerName(), modules: [] };
const golden = readdirSync('test/golden', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => readdirSync(`test/golden/${name}`).map((file) => `test/golden/${name}/${file}`))
  .filter((path) => path.endsWith('.pcn') && !path.endsWith('ast.pcn'));
const examples = readdirSync('dsl-examples')
  .filter((file) => file.endsWith('.pcn'))
  .map((file) => `dsl-examples/${file}`);

test.each([...golden, ...examples])('%s, read back from its text, is lowered to the same bytes', (path) => {
  const { value: checked } = checkFile(fileHost(), path);
  if (!checked) throw new Error('it has errors');
  for (const task of checked.trains) {
    const predicts = checked.predicts.filter((p) => p.model.name === task.model.name);
    const staged = buildProgram({ checked, model: task.model, task, predicts });
    expectSame(staged.program, lowerToCpu(staged.program));
    const cut = path.startsWith('test/') ? builtPlanOrWhyNot(staged, { shards: 2 }, inputs) : undefined;
    if (cut?.kind === 'plan') expectSameShards(cut.built);
  }
});

test.each([
  ['tiles', SMALL_MEMORY, 5],
  ['thinned links', THINNED, 3],
] as const)('shards with %s are lowered to the same bytes and compared with the plan', async (_, source, shards) => {
  const built = shardedPlan(source, shards);
  expectSameShards(built);
  const { files } = built;
  const plan = { ...built.plan, compiler: compilerName() };
  const place = writeMade({ plan, json: planBytes(plan), files });
  try {
    const sources = await executablesOf(place, openPlan(place), cpuDevice);
    expect(sources.map((s) => [...s.executable.files.keys()].sort())).toEqual(
      plan.shards.map((s) => [...(s.cpuNames ?? s.cpu)].sort()),
    );
    forge(place, plan.shards[1]?.cpu.find((path) => path.endsWith('.onnx')) ?? '', ENDLESS);
    await expect(executablesOf(place, openPlan(place), cpuDevice)).rejects.toMatchObject({ code: 'plan/kernels' });
  } finally {
    remove(place);
  }
});
