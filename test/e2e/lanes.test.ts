/** The two threads of the cpu device with what the command sends them: batches ahead, other requests between, failures. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import type { Device, DeviceSession, FieldData, Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { stream } from '../../spec/random.ts';
import { call, chain, initialise, randomInputs, relativeError, tanh, trainTask } from '../support/networks.ts';

const BATCHES = 14;
const folder = join('.cache', 'lanes');
const graph = chain([19, 11, 9, 3], { act: tanh });
const method = call('learn.il', { steps: 6, rate: 0.1, momentum: 0 });
const task = trainTask(graph, { method, batch: 32, clamped: ['l0', 'l3'] });
const program = runPasses(lowerProgram(graph, task, [], { predictBatch: 4 }));
const files = lowerToCpu(program);
const [train] = program.functions;
if (!train) throw new Error('no function');
const weight = program.states.find((s) => s.role === 'parameter')?.id ?? '';
let device: Device;
const opened: DeviceSession[] = [];

beforeAll(async () => {
  // Threads load built files alone.
  mkdirSync(folder, { recursive: true });
  const entryPoints = ['cpu', 'worker'].map((name) => `runtime/device/cpu/${name}.ts`);
  await build({
    entryPoints,
    outdir: folder,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  const path = pathToFileURL(join(process.cwd(), folder, 'cpu.js')).href;
  device = ((await import(path)) as { cpuDevice: Device }).cpuDevice;
}, 60_000);

afterAll(async () => {
  for (const session of opened) await session.close();
});

async function open(of: Device, given = files): Promise<DeviceSession> {
  const session = await of.open({ program, files: given });
  opened.push(session);
  return session;
}

const position = (batch: number): { batch: number; batches: number } => ({ batch, batches: BATCHES });

/** More batches than there is room for, their inputs overwritten at once, and other requests between them. */
async function busy(session: DeviceSession): Promise<Tensor[]> {
  await initialise(session, program, 3);
  const answers: Promise<Tensor>[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const inputs = randomInputs(train as NonNullable<typeof train>, batch);
    const energies = session.run('train', inputs, position(batch));
    for (const values of Object.values(inputs)) values.fill(1e9);
    answers.push(energies.then((results) => Float64Array.from(Object.values(results).flatMap((r) => [...r]))));
    if (batch === 5) answers.push(session.read(weight));
    if (batch === 8) {
      const halved = session.read(weight).then((values) => values.map((v) => v / 2));
      answers.push(halved);
      await session.write(weight, await halved);
    }
  }
  for (const { id } of program.states) answers.push(session.read(id));
  return Promise.all(answers);
}

test('requests are carried out in the order in which they came, however many batches are ahead', async () => {
  const [found, expected] = [await busy(await open(device)), await busy(await open(referenceDevice))];
  expect(found).toHaveLength(expected.length);
  for (const [i, values] of expected.entries())
    expect(relativeError(found[i] ?? [], values), `answer ${i}`).toBeLessThan(1e-4);
});

test('a batch that comes long after the last one finds the lanes asleep, and wakes them', async () => {
  const session = await open(device);
  await initialise(session, program, 3);
  for (let batch = 0; batch < 3; batch++) {
    const results = await session.run(
      'train',
      randomInputs(train as NonNullable<typeof train>, batch),
      position(batch),
    );
    expect(Object.keys(results).length).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test('inputs of a wrong size fail alone, a lane that cannot run fails all batches', async () => {
  const session = await open(device);
  await initialise(session, program, 3);
  const inputs = randomInputs(train as NonNullable<typeof train>, 0);
  const short = Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, values.subarray(1)]));
  await expect(session.run('train', short, position(0))).rejects.toThrow('train wants');
  await session.run('train', inputs, position(0));

  const damaged = await open(device, new Map([...files, ['cpu/train.lane.onnx', Uint8Array.of(1, 2, 3)]]));
  await initialise(damaged, program, 3);
  const ahead = [0, 1, 2].map((batch) => damaged.run('train', inputs, position(batch)));
  for (const { status } of await Promise.allSettled(ahead)) expect(status).toBe('rejected');
  await expect(damaged.run('train', inputs, position(3))).rejects.toThrow('the cpu device failed');
});

test('batches of samples that are kept are the same bits as batches that are handed over', async () => {
  const [handed, kept] = [await open(device), await open(device)];
  for (const session of [handed, kept]) await initialise(session, program, 3);
  const f = train as NonNullable<typeof train>;
  const samples = 48;
  // Three batches of half as many samples each: every sample is there when the third has been made.
  const sets = [0, 1, 2].map((part) => randomInputs(f, part));
  const sample = (name: string, row: number): FieldData => {
    const set = sets[Math.floor(row / 16)]?.[name] as FieldData;
    const width = set.length / 32;
    return set.slice((row % 16) * width, ((row % 16) + 1) * width);
  };
  const runner = await kept.keep?.('train', samples);
  if (!runner) throw new Error('nothing is kept');
  const random = stream(5, 'rows');
  const runs: [Promise<Record<string, Tensor>>, Promise<Record<string, Tensor>>][] = [];
  let handedOver = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    const rows = Uint32Array.from({ length: 32 }, (_, i) => Math.floor(random.uniform(batch * 32 + i) * samples));
    const inputs = Object.fromEntries(
      f.inputs.map(({ field }) => [field, Float32Array.from([...rows].flatMap((row) => [...sample(field, row)]))]),
    );
    const known = runner.has(rows);
    if (!known) handedOver++;
    runs.push([handed.run('train', inputs, position(batch)), runner.run(rows, known ? {} : inputs, position(batch))]);
    // Others may come between, and their inputs are no samples.
    if (batch === 9) for (const session of [handed, kept]) void session.run('train', randomInputs(f, 9), position(9));
  }
  expect(handedOver).toBeGreaterThan(0);
  expect(handedOver).toBeLessThan(BATCHES);
  for (const run of runs) {
    const [expected, found] = await Promise.all(run);
    expect(found).toEqual(expected);
  }
  for (const { id } of program.states) expect(await kept.read(id)).toEqual(await handed.read(id));
  await expect(runner.run(Uint32Array.of(1), undefined, position(0))).rejects.toThrow('samples');
  expect(await kept.keep?.('predict', samples)).toBeUndefined();
  expect(await kept.keep?.('train', 2 ** 40)).toBeUndefined();
});
