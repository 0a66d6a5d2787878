/**
 * The threads of the cpu device that train, two with a half of each batch or one with all of it, and what the command sends
 * them: batches ahead, other requests between, failures.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { withLanes } from '../../compiler/7-kernels/onnx/lanes.ts';
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import type { Device, DeviceSession, Executable, Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { bundledCpu } from '../support/bundled-cpu.ts';
import { call, chain, initialise, randomInputs, relativeError, tanh, trainTask } from '../support/networks.ts';

const BATCHES = 14;
const graph = chain([19, 11, 9, 3], { act: tanh });
const method = call('learn.il', { steps: 6, rate: 0.1, momentum: 0 });
const task = trainTask(graph, { method, batch: 32, clamped: ['l0', 'l3'] });
const [whole, halved] = [inLanes(1), inLanes(2)];

function inLanes(lanes: number): Executable {
  const program = runPasses(withLanes(lowerProgram(graph, task, [], { predictBatch: 4 }), { graph, task }, lanes));
  return { program, files: lowerToCpu(program) };
}

const [train] = whole.program.functions;
if (!train) throw new Error('no function');
const weight = whole.program.states.find((s) => s.role === 'parameter')?.id ?? '';
const EACH = [
  ['two lanes', halved, 'cpu/train.lane.onnx'],
  ['one lane', whole, 'cpu/train.onnx'],
] as const;
let device: Device;
const opened: DeviceSession[] = [];

beforeAll(async () => {
  device = await bundledCpu('lanes');
}, 60_000);

afterAll(async () => {
  for (const session of opened) await session.close();
});

async function open(of: Device, executable: Executable): Promise<DeviceSession> {
  const session = await of.open(executable);
  opened.push(session);
  await initialise(session, executable.program, 3);
  return session;
}

const position = (batch: number): { batch: number; batches: number } => ({ batch, batches: BATCHES });

/** More batches than there is room for, their inputs overwritten at once, and other requests between them. */
async function busy(session: DeviceSession): Promise<Tensor[]> {
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
  for (const { id } of whole.program.states) answers.push(session.read(id));
  return Promise.all(answers);
}

test.each(EACH)(
  '%s: requests are answered in the order in which they came, however many batches are ahead',
  async (_, given) => {
    const [found, expected] = [await busy(await open(device, given)), await busy(await open(referenceDevice, given))];
    expect(found).toHaveLength(expected.length);
    for (const [i, values] of expected.entries())
      expect(relativeError(found[i] ?? [], values), `answer ${i}`).toBeLessThan(1e-4);
  },
);

test.each(EACH)('%s: a batch that comes long after the last one wakes them', async (_, given) => {
  const session = await open(device, given);
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

test.each(EACH)(
  '%s: a request of a wrong size fails alone; a lane that cannot run fails every batch',
  async (_, given, graph) => {
    const session = await open(device, given);
    const inputs = randomInputs(train as NonNullable<typeof train>, 0);
    const short = Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, values.subarray(1)]));
    await expect(session.run('train', short, position(0))).rejects.toThrow('train needs');
    await session.run('train', inputs, position(0));

    const damaged = await open(device, { ...given, files: new Map([...given.files, [graph, Uint8Array.of(1, 2, 3)]]) });
    const ahead = [0, 1, 2].map((batch) => damaged.run('train', inputs, position(batch)));
    for (const { status } of await Promise.allSettled(ahead)) expect(status).toBe('rejected');
    await expect(damaged.run('train', inputs, position(3))).rejects.toThrow('the cpu device failed');
  },
);
