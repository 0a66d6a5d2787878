/**
 * Whole programs on the WebGPU device against the reference: every golden model and every example, two batches each,
 * with all weights, optimiser states and results; and the same bits when it is done again.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../compiler/build-program.ts';
import { checkFile } from '../../compiler/compile.ts';
import { fileHost } from '../../compiler/host.ts';
import { type FieldData, fieldArrays, type Tensor } from '../../runtime/device/device.ts';
import { type Program, type ProgramFunction, sizeOf } from '../../spec/program.ts';
import { initialise, randomInputs, relativeError } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';
import { openWebGpu } from '../support/webgpu.ts';
import type { Opener } from './harness.ts';

/**
 * |a - b| / |b| of each tensor after two batches. In the examples errors of a thousandth of the values are what is left
 * of f32 when one large number is taken from another, and Adam divides small gradients by themselves.
 */
const GOLDEN_BOUND = 5e-4;
const EXAMPLE_BOUND = 5e-3;
const BATCHES = 2;
/** Hundreds of kernels and more, of the same forms: too much for a processor that plays a GPU. */
const LARGE = new Set([
  'cortex.pcn',
  'fan_out.pcn',
  'generate.pcn',
  'memory.pcn',
  'sequence.pcn',
  'small_brain.pcn',
  'tracking.pcn',
]);

const golden = readdirSync('test/golden')
  .map((name) => join('test/golden', name, 'model.pcn'))
  .filter((path) => existsSync(path));
const examples = readdirSync('dsl-examples')
  .filter((name) => name.endsWith('.pcn') && !LARGE.has(name))
  .map((name) => join('dsl-examples', name));

/** The training functions alone, with small batches. */
function programsOf(path: string, batch: number): Program[] {
  const { value: checked } = checkFile(fileHost(), path);
  const trains = checked?.trains ?? [];
  return trains.map((task) => {
    const small = { ...task, batch: Math.min(task.batch, batch * task.replicas) };
    if (!checked) throw new Error(path);
    const { program } = buildProgram({ checked, model: task.model, task: small, predicts: [] });
    return { ...program, functions: program.functions.filter((f) => f.name === 'train') };
  });
}

/** Whole numbers where the data are whole numbers. */
function inputsOf(f: ProgramFunction, seed: number): Record<string, FieldData> {
  const inputs = randomInputs(f, seed);
  for (const { field, type } of f.inputs)
    if (type !== 'f32') {
      const whole = new fieldArrays[type](inputs[field]?.length ?? 0);
      whole.set((inputs[field] ?? new Float32Array()).map((x) => Math.abs(Math.round(4 * x))));
      inputs[field] = whole;
    }
  return inputs;
}

type Trained = ReadonlyMap<string, Tensor>;

async function train(open: Opener, program: Program, small = true): Promise<Trained> {
  const session = await open(program);
  await initialise(session, program, 3);
  for (const s of program.states)
    if (s.init.kind === 'statistic') await session.write(s.id, new Float32Array(sizeOf(s.shape)).fill(0.75));
  const found = new Map<string, Tensor>();
  const [f] = program.functions;
  if (!f) return found;
  for (let batch = 0; batch < BATCHES; batch++) {
    const results = await session.run(f.name, inputsOf(f, batch), { batch, batches: BATCHES });
    for (const [name, values] of Object.entries(results)) found.set(`${name} of batch ${batch}`, values);
  }
  // In examples gradients can be a thousandth of what they are the difference of: there the weights count.
  for (const s of program.states) if (small || s.role !== 'optimizer') found.set(s.id, await session.read(s.id));
  await session.close();
  return found;
}

describe.each([...golden, ...examples])('%s', (path) => {
  test.each(programsOf(path, 3).map((program) => [program.name, program] as const))('%s', async (_, program) => {
    const found = await train(openWebGpu, program, golden.includes(path));
    const wanted = await train(openReference, program, golden.includes(path));
    expect([...found.keys()]).toEqual([...wanted.keys()]);
    for (const [name, values] of wanted) {
      const size = Math.hypot(...values) + 1e-6;
      const error = Math.hypot(...values.map((v, i) => v - (found.get(name)?.[i] ?? Number.NaN))) / size;
      expect(error, name).toBeLessThan(golden.includes(path) ? GOLDEN_BOUND : EXAMPLE_BOUND);
    }
  });
});

test('the same seed gives the same bits, twice', async () => {
  const [program] = programsOf('test/golden/rule-ipc-adam/model.pcn', 3);
  if (!program) throw new Error('nothing to train');
  const [once, again] = [await train(openWebGpu, program), await train(openWebGpu, program)];
  for (const [name, values] of once) expect(again.get(name), name).toEqual(values);
  expect(relativeError([...once.values()][0] ?? [], [...again.values()][0] ?? [])).toBe(0);
});
