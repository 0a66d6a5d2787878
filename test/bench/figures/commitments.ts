/**
 * The cost of signed states to a shard: half of 784-W-W-W-10 with Adam, W = 4096, by itself, its neighbour's frames filled
 * with zeros. A commitment behind each weight step, as it was, beside one behind each stretch; what a stretch's record
 * holds; and what it costs to look at the neighbour's frames, of a small network as well. In processor time, which other
 * work on the machine changes little.
 */
import { buildProgram } from '../../../compiler/compile.ts';
import { formsOf } from '../../../runtime/cli/measuring/measure.ts';
import { referenceModel } from '../../../runtime/cli/measuring/reference-networks.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import type { DeviceSession } from '../../../runtime/device/device.ts';
import { keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { stateHash } from '../../../runtime/net/shard-state.ts';
import { COMMITMENT_SHARE, RECORD_BYTES, stretchLength } from '../../../runtime/roles/stretch-length.ts';
import { openSession } from '../../../runtime/shard/session.ts';
import { fillStates, saveStates } from '../../../runtime/shard/shard.ts';
import type { Frame, FrameKey } from '../../../runtime/training/frame.ts';
import { BorderWatch } from '../../../runtime/validation/border-watch.ts';
import { signState } from '../../../runtime/wire/state-signature.ts';
import { TRAIN } from '../../../spec/names.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import { builtPlan } from '../../support/built-plans.ts';
import { checked } from '../../support/check-source.ts';
import { atMost, type Figure, told } from '../figure.ts';

const WIDTH = 4096;
const NETWORK = { widths: [784, WIDTH, WIDTH, WIDTH, 10], batch: 256, ticks: 8 };
const SMALL = { widths: [784, 128, 128, 10], batch: 64, ticks: 8 };
const ROUNDS = 5;
/** Of its work that a shard spends on commitments and on looking at frames, at most. */
const MAX_SHARE = 0.03;

export async function commitmentFigures(): Promise<readonly Figure[]> {
  return [...(await figuresOf(NETWORK)), ...(await figuresOf(SMALL))];
}

async function figuresOf(network: typeof NETWORK): Promise<Figure[]> {
  const { program, schedule } = half(network);
  const executable = { program, files: await formsOf(cpuDevice, program) };
  const [device] = (await cpuDevice.openAll?.([executable])) ?? [];
  if (!device) throw new Error('the CPU opens no single threads');
  try {
    await fillStates(device, program.states, { seed: 1, statistics: new Map() });
    const session = openSession(schedule, executable, device);
    const [work, commitment, looking]: [number[], number[], number[]] = [[], [], []];
    let frames = 0;
    for (let callIndex = 0; callIndex <= ROUNDS; callIndex++) {
      const began = process.cpuUsage();
      frames = 0;
      const taken: (FrameKey & { readonly lengths: readonly number[] })[] = [];
      session.start({
        name: TRAIN,
        position: { batch: callIndex, batches: 100 },
        inputs: inputsOf(program),
        callIndex,
        microbatch: 0,
      });
      for (let step = await session.advance(); step.kind !== 'done'; step = await session.advance()) {
        if (step.kind !== 'needs') continue;
        for (const frame of step.frames) {
          const message = schedule.messages.find((m) => m.id === frame.message);
          const values = message?.values.map((v) => new Float32Array(sizeOf(v.shape))) ?? [];
          frames += values.reduce((sum, v) => sum + v.byteLength, 0);
          session.deliver({ ...frame, values });
          taken.push({ ...frame, lengths: values.map((v) => v.length) });
        }
      }
      // The first one also loads the kernels.
      if (callIndex > 0) work.push(secondsSince(began));
      if (callIndex > 0) commitment.push(await commit(device, program, callIndex));
      const seen = taken.map(({ lengths, ...key }) => ({ ...key, values: lengths.map(wave) }));
      if (callIndex > 0) looking.push(look(seen));
    }
    const state = program.states
      .filter((s) => s.role !== 'value' && s.role !== 'sum')
      .reduce((sum, s) => sum + 4 * sizeOf(s.shape), 0);
    const [least, looked] = [Math.min(...work), Math.min(...looking)];
    const all = network === NETWORK ? figures(least, Math.min(...commitment), state, frames) : [];
    return [
      ...all,
      ...looks(
        network,
        least,
        looked,
        stretchLength([{ work: least, commitment: Math.min(...commitment), state, frames }]).share,
      ),
    ];
  } finally {
    await device.close();
  }
}

function figures(work: number, commitment: number, state: number, frames: number): Figure[] {
  const { batches, share, bytes } = stretchLength([{ work, commitment, state, frames }]);
  const of = textOf(NETWORK);
  return [
    told(`${of}: work of a batch`, work * 1000, 'ms'),
    told(`${of}: state read, hashed and signed once (${(state / 1e6).toFixed(0)} MB)`, commitment * 1000, 'ms'),
    told(`${of}: batches of a stretch`, batches, 'batches'),
    told(`${of}: commitments behind each weight step, of the work`, (100 * commitment) / work, '%'),
    atMost(`${of}: commitments, of the work`, 100 * share, '%', 100 * COMMITMENT_SHARE, null),
    atMost(`${of}: record of a stretch`, bytes / 1e6, 'MB', RECORD_BYTES / 1e6, null),
  ];
}

function looks(network: typeof NETWORK, work: number, looked: number, committed: number): Figure[] {
  const of = textOf(network);
  return [
    told(`${of}: frames of a batch looked at`, looked * 1e6, 'µs'),
    atMost(
      `${of}: commitments and looking, of the work`,
      100 * (committed + looked / work),
      '%',
      100 * MAX_SHARE,
      null,
    ),
  ];
}

function textOf({ widths, batch, ticks }: typeof NETWORK): string {
  return `half of ${widths.join('-')}, Adam, B=${batch}, T=${ticks}`;
}

function wave(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i));
}

/** Often, as one call is too short to be measured. @returns seconds of one call */
function look(frames: readonly Frame[]): number {
  const times = 200;
  const began = process.cpuUsage();
  for (let i = 0; i < times; i++) {
    const watch = new BorderWatch();
    for (const frame of frames) watch.take(frame, 1);
    watch.seen();
  }
  return secondsSince(began) / times;
}

/** The first of two shards. */
function half(network: typeof NETWORK) {
  const text = referenceModel(network, 'il').replace(/optimizer = .*/, 'optimizer = learn.adam(rate = 0.001)');
  const all = checked(text);
  const [task] = all.trains;
  if (!task) throw new Error('the model trains nothing');
  const staged = buildProgram({ checked: all, model: task.model, task, predicts: all.predicts });
  const [shard] = builtPlan(staged, { shards: 2 }).shards ?? [];
  if (!shard) throw new Error('the model was not cut');
  return shard;
}

async function commit(device: DeviceSession, { states }: Program, calls: number): Promise<number> {
  const began = process.cpuUsage();
  const hash = stateHash(await saveStates(device, states));
  signState({ run: 'bench', term: 1, shard: 0 }, { calls, hash }, keyPairFromSeed(new Uint8Array(32)));
  return secondsSince(began);
}

/** Of processors: other work on the machine does not change them. */
function secondsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

function inputsOf({ functions }: Program): Record<string, Float32Array> {
  const inputs = functions.flatMap((f) => f.inputs);
  return Object.fromEntries(inputs.map(({ field, shape }) => [field, new Float32Array(sizeOf(shape)).fill(0.5)]));
}
