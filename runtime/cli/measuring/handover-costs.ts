/**
 * The cost of taking turns among shards of one process: two of them, as a training runs them, hand a few numbers to
 * each other and back, over and over. Nothing is worked out but one operation each, so all that remains is a run of the
 * device with what goes on around it.
 */
import type { OpOrigin } from '../../../spec/names.ts';
import { type Op, type Program, type ProgramFunction, type Shape, sizeOf } from '../../../spec/program.ts';
import type { Message, ScheduledValue, Segment, ShardSchedule, Stage } from '../../../spec/schedule.ts';
import type { Device, DeviceSession, Executable } from '../../device/device.ts';
import { Lockstep } from '../../shard/lockstep.ts';
import { openSession } from '../../shard/session.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { formsOf, lowerQuartile, POSITION } from './measure.ts';

/** There and back so many times in a call: what begins and ends it hardly counts. */
const ROUNDS = 24;
/** Values that are handed over, few and many. */
const [FEW, MANY] = [64, 32 * 1024] as const;
const BYTES = 4;
const CALLS = 9;

export interface HandoverTimes {
  /** Seconds from one shard's begin to the other's, with few values and with many. */
  readonly few: number;
  readonly many: number;
  /** With few values, where programs run in the thread that carries them; as in others where a device cannot. */
  readonly here: number;
  /** That it hands on, more with many values than with few. */
  readonly bytes: number;
}

export async function handoverTimes(device: Device): Promise<HandoverTimes> {
  const few = await secondsOfTurn(device, FEW);
  const here = device.openHere ? await secondsOfTurn(device, FEW, 'here') : few;
  return { few, here, many: await secondsOfTurn(device, MANY), bytes: BYTES * (MANY - FEW) };
}

export async function secondsOfTurn(
  device: Device,
  values: number,
  where: 'threads' | 'here' = 'threads',
): Promise<number> {
  const sources: ShardSource[] = [];
  for (const shard of [0, 1]) {
    const program = programOf(shard, values);
    sources.push({
      executable: { program, files: await formsOf(device, program) },
      schedule: scheduleOf(shard, values),
    });
  }
  const executables = sources.map((s) => s.executable);
  const devices = await opened(device, executables, where);
  try {
    for (const [i, { program }] of executables.entries()) await halve(devices[i] as DeviceSession, program);
    // As a trainer's host has them: each of its shards goes on until it waits for a frame.
    const both = new Lockstep(
      sources.map((s, i) => openSession(s.schedule, s.executable, devices[i] as DeviceSession)),
    );
    const times: number[] = [];
    for (let call = -1; call < CALLS; call++) {
      const begin = performance.now();
      await both.run('turns', {}, POSITION);
      if (call >= 0) times.push(performance.now() - begin);
    }
    return lowerQuartile(times) / 1000 / (2 * ROUNDS);
  } finally {
    await Promise.all(devices.map((d) => d.close()));
  }
}

async function opened(
  device: Device,
  executables: readonly Executable[],
  where: 'threads' | 'here',
): Promise<readonly DeviceSession[]> {
  const open = (executable: Executable): Promise<DeviceSession> => {
    const here = where === 'here' ? device.openHere?.(executable) : undefined;
    return here ?? device.open(executable);
  };
  const together = where === 'here' ? undefined : device.openAll?.(executables);
  return together ?? Promise.all(executables.map(open));
}

/** A half everywhere: numbers that stay what they are. */
async function halve(session: DeviceSession, { states }: Program): Promise<void> {
  for (const { id, shape } of states) await session.write(id, new Float32Array(sizeOf(shape)).fill(0.5));
}

const there = (values: number): ScheduledValue => ({ name: 'there', shape: [1, values] });
const back = (values: number): ScheduledValue => ({ name: 'back', shape: [1, values] });

function messagesOf(values: number): Message[] {
  return [
    { id: 0, from: 0, to: 1, values: [there(values)] },
    { id: 1, from: 1, to: 0, values: [back(values)] },
  ];
}

/** The first shard begins a round and waits for its answer; the second one answers. */
function scheduleOf(shard: number, values: number): ShardSchedule {
  const stage = (name: string, repeat: number, segments: readonly Segment[], more: Partial<Stage> = {}): Stage => ({
    ...{ name, repeat, firstTick: 0, begin: [], segments, next: [], end: [] },
    ...more,
  });
  const next = [{ from: 'back', to: 'ready' }];
  const stages =
    shard === 0
      ? [
          stage('start', 1, [{ receive: [], run: 'first', send: [] }]),
          stage(
            'round',
            ROUNDS,
            [
              { receive: [], run: 'ask', send: [0] },
              { receive: [1], send: [] },
            ],
            { next, end: next },
          ),
        ]
      : [stage('round', ROUNDS, [{ receive: [0], run: 'answer', send: [1] }])];
  const turns = { name: 'turns', batch: 1, inputs: [], stages, results: [] };
  return { shard, functions: [turns], messages: messagesOf(values) };
}

function programOf(shard: number, values: number): Program {
  const shape: Shape = [1, values];
  const init = { kind: 'constant', value: 0.5 } as const;
  const state = { id: `x${shard}`, shape, role: 'parameter', init } as const;
  const functions =
    shard === 0
      ? [functionOf('first', undefined, 'ready', shape, state.id), functionOf('ask', 'ready', 'there', shape, state.id)]
      : [functionOf('answer', 'there', 'back', shape, state.id)];
  return { name: `turns ${shard}`, states: [state], functions };
}

/** Half of what it is given and of its state, which keeps numbers as they are. */
function functionOf(
  name: string,
  given: string | undefined,
  made: string,
  shape: Shape,
  state: string,
): ProgramFunction {
  const op = (id: string, kind: string, args: readonly string[], of: Shape, attributes: Op['attributes'] = {}): Op => ({
    ...{ id, op: kind, args, attributes, shape: of, origin: kind as OpOrigin },
  });
  const ops = [
    op('half', 'constant', [], [], { value: 0.5 }),
    op('sum', 'add', [given ?? state, state], shape),
    op(made, 'mul', ['sum', 'half'], shape),
  ];
  return {
    ...{ name, role: 'other', batch: 1, updates: [], results: [{ name: made, value: made }] },
    inputs: given === undefined ? [] : [{ id: given, field: given, type: 'f32', shape }],
    blocks: [{ name: 'work', repeat: 1, firstTick: 0, scalars: [], carries: [], ops }],
  };
}
