/**
 * Whole programs on the WebGPU device against the reference: every golden model, with all weights, optimiser states and
 * results, and every example at a small size; and the same bits when it is done again.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type LoweredKernels, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import { TooManyParts } from '../../compiler/7-kernels/wgsl/parts.ts';
import { buildProgram, checkFile } from '../../compiler/compile.ts';
import { fileHost } from '../../compiler/host.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { verifyKernels } from '../../spec/kernel-verify.ts';
import { MAX_BINDINGS } from '../../spec/kernels.ts';
import type { Precision } from '../../spec/precision.ts';
import type { Program } from '../../spec/program.ts';
import { relativeError } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';
import { type Trained, trainProgram } from '../support/run-program.ts';
import { expectSameTraining } from '../support/same-training.ts';
import { ofEachModel, type SmallTask, unlikeTasks } from '../support/small-examples.ts';
import { trainSmall } from '../support/small-training.ts';
import { openLaunches, openLowered, openWebGpu, softwareDevice } from '../support/webgpu.ts';
import { lowerInParts, partsIn } from '../support/webgpu-parts.ts';
import type { Opener } from './harness.ts';

/** |a - b| / |b| of each tensor after two batches. */
const BOUND = 5e-4;
const BATCHES = 2;
/** Samples of a batch. */
const BATCH = 3;

const golden = readdirSync('test/golden')
  .map((name) => join('test/golden', name, 'model.pcn'))
  .filter((path) => existsSync(path));

/** Worked out once for all tests of the file: the driver takes seconds to make the kernels of some of these models. */
function once<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const found = made.get(key) ?? make(key);
    made.set(key, found);
    return found;
  };
}

/** The training functions alone, with small batches. */
const programsOf = once((path: string): readonly Program[] => {
  const { value: checked } = checkFile(fileHost(), path);
  const trains = checked?.trains ?? [];
  return trains.map((task) => {
    const small = { ...task, batch: Math.min(task.batch, BATCH * task.replicas) };
    if (!checked) throw new Error(path);
    const { program } = buildProgram({ checked, model: task.model, task: small, predicts: [] });
    return { ...program, functions: program.functions.filter((f) => f.name === 'train') };
  });
});

const train = (open: Opener, program: Program): Promise<Trained> => trainProgram(open, program, BATCHES);
const trainedWhole = once((program: Program) => train(openWebGpu, program));
const tasks = unlikeTasks(BATCH);
const taskTrained = once(async ({ built }: SmallTask) => trainSmall(await softwareDevice(), built, BATCHES));
const tensorsOf = ({ results, states }: Trained): Map<string, Tensor> => new Map([...results, ...states]);

describe.each(golden)('%s', (path) => {
  test.each(programsOf(path).map((program) => [program.name, program] as const))(
    '%s trains as on the reference device',
    async (_, program) => {
      const trained = await trainedWhole(program);
      // Small as they are, they are one kernel: of the bits that its steps give one by one.
      expect(trained).toEqual(await train(openLaunches, program));
      const [found, wanted] = [tensorsOf(trained), tensorsOf(await train(openReference, program))];
      expect([...found.keys()]).toEqual([...wanted.keys()]);
      for (const [name, values] of wanted) {
        const size = Math.hypot(...values) + 1e-6;
        const error = Math.hypot(...values.map((v, i) => v - (found.get(name)?.[i] ?? Number.NaN))) / size;
        expect(error, name).toBeLessThan(BOUND);
      }
    },
  );
});

test.each(tasks)('$name trains as on the reference device', { timeout: 180_000 }, async (task) => {
  expectSameTraining(await taskTrained(task), await trainSmall(referenceDevice, task.built, BATCHES));
});

/** As a model of many gigabytes lies: a buffer for every tensor, more buffers than one kernel binds. */
const lowerApart = (program: Program): ReturnType<typeof lowerToWgsl> => lowerToWgsl(program, { most: 1 });

const openApart = openLowered(lowerApart);

test.each(['rule-il', 'rule-ipc-adam', 'arrays'])(
  '%s trains in more buffers than can be bound at once',
  async (name) => {
    const [program] = programsOf(`test/golden/${name}/model.pcn`);
    if (!program) throw new Error('nothing to train');
    const { kernels } = lowerApart(program);
    verifyKernels(kernels);
    expect(kernels.arenas.length).toBeGreaterThan(MAX_BINDINGS);
    expect(kernels.functions.map((f) => f.bound)).toEqual([[]]);
    expect(await train(openApart, program)).toEqual(await trainedWhole(program));
  },
);

/** Its largest tensor lies in three parts, in two where three are more than a kernel binds. */
function inParts(program: Program, precision: Precision = 'f32'): LoweredKernels {
  const { kernels } = lowerToWgsl(program, { precision });
  const regions = [...kernels.states, ...kernels.functions.flatMap((f) => f.regions)];
  const largest = Math.max(...regions.map((r) => r.elements));
  try {
    return lowerInParts(program, Math.ceil(largest / 3), precision);
  } catch (error) {
    if (!(error instanceof TooManyParts)) throw error;
    return lowerInParts(program, Math.ceil(largest / 2), precision);
  }
}

test.each(golden)('%s trains with tensors larger than one binding', { timeout: 120_000 }, async (path) => {
  for (const program of programsOf(path)) {
    expect(partsIn(inParts(program))).toBeGreaterThan(0);
    expect(await train(openLowered(inParts), program)).toEqual(await trainedWhole(program));
  }
});

test.each(ofEachModel(tasks))(
  '$name trains with tensors larger than one binding',
  { timeout: 180_000 },
  async (task) => {
    const { built } = task;
    const device = { ...(await softwareDevice()), open: () => openLowered(inParts)(built.program) };
    expect(await trainSmall(device, built, BATCHES)).toEqual(await taskTrained(task));
  },
);

test('copies of weights in half precision may be larger than one binding', async () => {
  const [program] = programsOf('test/golden/rule-il/model.pcn');
  if (!program) throw new Error('nothing to train');
  const lower = (p: Program): LoweredKernels => inParts(p, 'f16-weights');
  const whole = (p: Program): LoweredKernels => lowerToWgsl(p, { precision: 'f16-weights' });
  expect(await train(openLowered(lower), program)).toEqual(await train(openLowered(whole), program));
});

test('the same seed gives the same bits twice', async () => {
  const [program] = programsOf('test/golden/rule-ipc-adam/model.pcn');
  if (!program) throw new Error('nothing to train');
  const [first, again] = [tensorsOf(await trainedWhole(program)), tensorsOf(await train(openWebGpu, program))];
  for (const [name, values] of first) expect(again.get(name), name).toEqual(values);
  expect(relativeError([...first.values()][0] ?? [], [...again.values()][0] ?? [])).toBe(0);
});
