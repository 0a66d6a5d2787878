/**
 * Programs and schedules of two shards that hand a few numbers to each other and back, over and over: the first one begins
 * a round and waits for its answer, the second one answers. Nothing is worked out but one operation each.
 */
import { TRAIN } from '../../../spec/names.ts';
import { type Program, type ProgramFunction, type Shape, sizeOf } from '../../../spec/program.ts';
import type { Message, ScheduledValue, Segment, ShardSchedule, Stage } from '../../../spec/schedule.ts';
import type { Device, DeviceSession, Executable } from '../../device/device.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { formsOf } from './measure.ts';
import { op } from './programs.ts';

/** Rounds of a call, whose end hardly counts then, and values of a frame. */
export const [ROUNDS, FEW] = [24, 64] as const;

export interface Turns {
  /** Of the function, which is one call. */
  readonly name: string;
  /** There and back so many times in a call. */
  readonly rounds: number;
  /** Handed over each time. */
  readonly values: number;
  /** Absent: one. Of several some are always on their way. */
  readonly microbatches?: number;
}

/** Of both shards. */
export async function turnSources(device: Device, turns: Turns): Promise<readonly [ShardSource, ShardSource]> {
  const source = async (shard: number): Promise<ShardSource> => {
    const program = programOf(shard, turns.values);
    const executable: Executable = { program, files: await formsOf(device, program) };
    return { executable, schedule: scheduleOf(shard, turns) };
  };
  return [await source(0), await source(1)];
}

/** Runs of a border's shards that are done where their frames come and go: so many rounds a call, of a few values. */
export async function shortTurns(
  device: Device,
  turns: Pick<Turns, 'rounds' | 'values'> & Partial<Turns> = { rounds: ROUNDS, values: FEW },
): Promise<readonly [ShardSource, ShardSource]> {
  const [here, there] = await turnSources(device, { name: TRAIN, ...turns });
  const short = (source: ShardSource): ShardSource => ({
    ...source,
    executable: { ...source.executable, short: true },
  });
  return [short(here), short(there)];
}

/** A half everywhere: numbers that stay what they are. */
export async function halve(session: DeviceSession, { states }: Program): Promise<void> {
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

function scheduleOf(shard: number, { name: called, rounds, values, microbatches = 1 }: Turns): ShardSchedule {
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
            rounds,
            [
              { receive: [], run: 'ask', send: [0] },
              { receive: [1], send: [] },
            ],
            { next, end: next },
          ),
        ]
      : [stage('round', rounds, [{ receive: [0], run: 'answer', send: [1] }])];
  const turns = { name: called, batch: microbatches, microbatches, inputs: [], stages, results: [] };
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
