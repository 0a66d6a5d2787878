/** Gradients that are made tile by tile are those that a graph makes at once, and take less memory. */
import { describe, expect, test } from 'vitest';
import { countMemory } from '../../../compiler/5-program/cost.ts';
import { lowerProgram } from '../../../compiler/5-program/lower.ts';
import { runPasses } from '../../../compiler/5-program/passes/index.ts';
import { countInPlace } from '../../../compiler/5-program/step-memory.ts';
import { lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { CpuEngine } from '../../../runtime/device/cpu/engine.ts';
import { type GraphSplitter, splitterOf } from '../../../runtime/device/cpu/large-gradients.ts';
import { splitGraph } from '../../../runtime/device/cpu/late-gradients.ts';
import { readManifest } from '../../../runtime/device/cpu/manifest.ts';
import { ValuePool } from '../../../runtime/device/cpu/value-pool.ts';
import { CHUNK_BYTES, gradientTiles, LARGE_GRADIENT_BYTES } from '../../../spec/cpu-manifest.ts';
import { initialValues } from '../../../spec/initialise.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import { adam } from '../../support/adam.ts';
import { call, chain, randomInputs, tanh, trainTask } from '../../support/networks.ts';

const methods = {
  il: call('learn.il', { steps: 4, rate: 0.1, momentum: 0 }),
  bp: call('learn.bp'),
};
const WIDTHS = [19, 90, 80, 3];

function programOf(method: keyof typeof methods, widths: readonly number[] = WIDTHS): Program {
  const graph = chain(widths, { act: tanh });
  const clamped = ['l0', `l${widths.length - 1}`];
  const task = trainTask(graph, { method: methods[method], batch: 16, clamped, optimizer: adam() });
  return runPasses(lowerProgram(graph, task, [], { predictBatch: 4 }));
}

async function trained(engine: CpuEngine, program: Program, way: 'copied' | 'within'): Promise<Float32Array[]> {
  for (const state of program.states) engine.write(state.id, initialValues(state, 3));
  const f = program.functions.find((g) => g.name === 'train');
  if (!f) throw new Error('no function');
  const [pool, sums]: [ValuePool, Float32Array[]] = [new ValuePool(), []];
  for (let batch = 0; batch < 3; batch++) {
    const [inputs, position] = [randomInputs(f, batch), { batch, batches: 3 }];
    const results =
      way === 'copied'
        ? await engine.run('train', inputs, position)
        : await engine.runWithin(pool, 'train', inputs, position);
    sums.push(...Object.values(results).map((values) => values.slice()));
  }
  return [...sums, ...program.states.map(({ id }) => engine.read(id))];
}

describe.each(['il', 'bp'] as const)('%s', (method) => {
  test.each(['copied', 'within'] as const)('gives the same bits tile by tile, results %s', async (way) => {
    const program = programOf(method);
    const files = lowerToCpu(program);
    const split: GraphSplitter = (graph, manifest) => splitGraph(graph, manifest, 1000);
    const late = new CpuEngine(program.states, files, { threads: 1, split });
    const once = new CpuEngine(program.states, files, { threads: 1 });
    expect(await trained(late, program, way)).toEqual(await trained(once, program, way));
    await late.close();
    await once.close();
  });
});

test('all large gradients take the memory of one tile', async () => {
  const program = programOf('il', [19, 1500, 1500, 3]);
  const files = lowerToCpu(program);
  const engine = new CpuEngine(program.states, files, { threads: 1, split: await splitterOf(files) });
  const states = program.states.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  expect(engine.bytes).toBeGreaterThan(states + LARGE_GRADIENT_BYTES / 2);
  expect(engine.bytes).toBeLessThan(states + 1.2 * LARGE_GRADIENT_BYTES);
});

test('copies of large gradients are freed before the next one is made', async () => {
  const program = programOf('il', [19, 1500, 1500, 3]);
  const files = lowerToCpu(program);
  const engine = new CpuEngine(program.states, files, { threads: 1, split: await splitterOf(files) });
  const f = program.functions.find((g) => g.name === 'train');
  if (!f) throw new Error('no function');
  await engine.run('train', randomInputs(f, 0), { batch: 0, batches: 3 });
  const before = process.memoryUsage().arrayBuffers;
  await engine.run('train', randomInputs(f, 1), { batch: 1, batches: 3 });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(LARGE_GRADIENT_BYTES);
  await engine.close();
});

test('tiles are whole lines of the cache, and all rows', () => {
  for (const [rows, columns, bytes] of [
    [80, 90, 1000],
    [3310, 3310, LARGE_GRADIENT_BYTES],
    [33, 7, 64],
    [31, 7, 64],
    [3, 5, 64],
    [1000, 100_000, LARGE_GRADIENT_BYTES],
  ] as const) {
    const tiles = gradientTiles([rows, columns], bytes);
    expect(tiles.reduce((sum, t) => sum + t.rows, 0)).toBe(rows);
    tiles.forEach(({ from }, i) => {
      expect(from).toBe(tiles.slice(0, i).reduce((sum, t) => sum + t.rows, 0));
      expect((from * columns * 4) % CHUNK_BYTES).toBe(0);
    });
    // A product of few rows may be another kernel's.
    expect(Math.min(...tiles.map((t) => t.rows))).toBeGreaterThanOrEqual(Math.min(rows, 16));
  }
});

test('small gradients stay in the graph', () => {
  const files = lowerToCpu(programOf('il'));
  const [graph, manifest] = [files.get('cpu/train.onnx'), files.get('cpu/train.json')].map(
    (bytes) => bytes as Uint8Array,
  );
  const read = readManifest(manifest as Uint8Array);
  expect(splitGraph(graph as Uint8Array, read)).toBeUndefined();
  expect(splitGraph(graph as Uint8Array, read, 1000)?.late.map((l) => l.shape)).toEqual([
    [80, 90],
    [90, 19],
  ]);
});

test('the memory counted for a shard is what the device holds, and the values in between', async () => {
  const program = programOf('bp', [19, 1100, 1100, 1100, 3]);
  const files = lowerToCpu(program);
  const engine = new CpuEngine(program.states, files, { threads: 1, split: await splitterOf(files) });
  const states = program.states.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  const gradient = 4 * 1100 * 1100;
  expect(countInPlace(program)).toBeGreaterThan(engine.bytes - 0.1 * gradient);
  expect(countInPlace(program)).toBeLessThan(states + 1.4 * LARGE_GRADIENT_BYTES);
  // All gradients, and the new states beside the old ones.
  expect(countMemory(program)).toBeGreaterThan(states + 4 * gradient);
});
