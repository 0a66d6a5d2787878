/** Schedules of two shards that pass a value on and get one back: what fits, and what each change of them breaks. */
import { describe, expect, test } from 'vitest';
import { scheduleOf, schedulesProblem } from '../../../runtime/plan/schedules.ts';
import type { Program } from '../../../spec/program.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import { shardedPlan, THINNED } from '../../support/sharded-plans.ts';
import { SMALL_MEMORY } from '../../support/small-memory.ts';

const { plan, files } = shardedPlan(THINNED, 2);
const textOf = (path: string): string => new TextDecoder().decode(files.get(path));
const programs: readonly Program[] = plan.shards.map((s) => parseProgram(textOf(s.program)));
const made: readonly ShardSchedule[] = plan.shards.map((s) => {
  const schedule = scheduleOf(JSON.parse(textOf(s.schedule ?? '')));
  if (typeof schedule === 'string') throw new Error(schedule);
  return schedule;
});

type Json = Readonly<Record<string, unknown>>;

/** Both schedules once more, as data, to be changed. */
type Open<T> = T extends readonly (infer Item)[]
  ? Open<Item>[]
  : T extends object
    ? { -readonly [K in keyof T]: Open<T[K]> }
    : T;
type Pair = [Open<ShardSchedule>, Open<ShardSchedule>];

function problemAfter(change: (pair: Pair) => void): string | undefined {
  const pair = structuredClone(made) as Pair;
  change(pair);
  return schedulesProblem(plan, pair, programs);
}

const first = <T>(items: readonly T[]): T => {
  const [item] = items;
  if (item === undefined) throw new Error('there is none');
  return item;
};
const trainOf = (schedule: Pair[number]) => first(schedule.functions.filter((f) => f.name === 'train'));
const segmentsOf = (schedule: Pair[number]) => trainOf(schedule).stages.flatMap((s) => s.segments);
const sending = (schedule: Pair[number]) => first(segmentsOf(schedule).filter((s) => s.send.length > 0));
const receiving = (schedule: Pair[number]) => first(segmentsOf(schedule).filter((s) => s.receive.length > 0));

describe('a schedule', () => {
  test.each([
    ['a list', []],
    ['nothing', null],
    ['a schedule without messages', { shard: 0, functions: [] }],
    ['a schedule whose shard is not a number', { shard: 'a', functions: [], messages: [] }],
  ] as const)('is not read from %s', (_what, value) => {
    expect(scheduleOf(value)).toBeTypeOf('string');
  });

  test('reads back as the compiler writes it', () => {
    expect(scheduleOf(JSON.parse(JSON.stringify(made[0])))).toEqual(made[0]);
  });
});

describe('schedules of two shards', () => {
  test('fit as the compiler has made them', () => {
    expect(problemAfter(() => undefined)).toBeUndefined();
  });

  test.each<[string, (pair: Pair) => void, string]>([
    ['stand in another order', (p) => void p.reverse(), 'is that of shard'],
    ['have a message twice', ([a]) => void a.messages.push(structuredClone(first(a.messages))), 'occurs twice'],
    [
      'have a message to themselves',
      ([a]) => void Object.assign(first(a.messages), { to: first(a.messages).from }),
      'is not its own',
    ],
    ['have a message that the neighbour lacks', ([, b]) => void b.messages.pop(), 'knows another message'],
    [
      'have a message of another shape at the neighbour',
      ([, b]) => void Object.assign(first(first(b.messages).values), { shape: [3, 3] }),
      'knows another message',
    ],
    ['have a function twice', ([a]) => void a.functions.push(structuredClone(trainOf(a))), 'occurs twice'],
    [
      'run a segment that does not exist',
      ([a]) => void Object.assign(first(segmentsOf(a)), { run: 'nothing' }),
      'there is no segment',
    ],
    ['never send a message', ([a]) => void Object.assign(sending(a), { send: [] }), 'without a sender or a receiver'],
    [
      'never await a message',
      ([a]) => void Object.assign(receiving(a), { receive: [] }),
      'which does not exist in this shape',
    ],
    ['send a message twice', ([a]) => void sending(a).send.push(first(sending(a).send)), 'cannot send message'],
    ['await what they send', ([a]) => void receiving(a).receive.push(first(sending(a).send)), 'cannot await message'],
    [
      'take over a value that does not exist',
      ([a]) => void first(trainOf(a).stages).begin.push({ from: 'nothing', to: 'x' }),
      'nothing does not exist',
    ],
    [
      'give a result that was never made',
      ([a]) => void trainOf(a).results.push({ name: 'r', value: 'nothing' }),
      'it has no nothing to give',
    ],
    [
      'take batches of another size',
      ([a]) => void Object.assign(trainOf(a), { batch: 5 }),
      'which does not exist in this shape',
    ],
    [
      'divide a batch otherwise',
      ([a]) => void Object.assign(trainOf(a), { microbatches: 2 }),
      'not every shard divides train alike',
    ],
    [
      'are fed inputs that the plan does not name',
      ([a]) => void trainOf(a).inputs.push({ name: 'zz', type: 'f32', shape: [1] }),
      'which the plan does not name',
    ],
    [
      'lack a function of the plan',
      ([a]) => void Object.assign(trainOf(a), { name: 'tram' }),
      'not every shard takes batches',
    ],
    [
      'repeat a stage less often than the neighbour',
      ([a]) =>
        void Object.assign(first(trainOf(a).stages.filter((s) => s.segments.some((g) => g.send.length > 0))), {
          repeat: 99,
        }),
      'sent more often than awaited',
    ],
  ])('that %s do not fit', (_what, change, words) => {
    expect(problemAfter(change)).toContain(words);
  });

  test('never end where they wait for each other', () => {
    const stage = (name: string) => ({ ...{ name, repeat: 1, firstTick: 0 }, begin: [], next: [], end: [] });
    const message = (id: number, from: number, to: number) => ({ id, from, to, values: [] });
    const waiting = (shard: number): ShardSchedule => ({
      shard,
      functions: [
        {
          ...{ name: 'train', batch: 1, inputs: [], results: [] },
          stages: [{ ...stage('tick'), segments: [{ receive: [1 - shard], send: [shard] }] }],
        },
      ],
      messages: [message(0, 0, 1), message(1, 1, 0)],
    });
    const { training: _none, ...rest } = plan;
    const bare = { ...rest, predictions: [], checks: [] };
    expect(schedulesProblem(bare, [waiting(0), waiting(1)], programs)).toBe(
      'in train, shard 0 waits for a message that never comes',
    );
  });

  test('need the ticks ahead that the plan says', () => {
    const { training } = plan;
    if (!training) throw new Error('it has no training');
    const ahead = { ...plan, training: { ...training, ahead: 1 } };
    expect(schedulesProblem(ahead, made, programs)).toContain('as far ahead as the plan says');
  });
});

test('schedules of tiles fit as the compiler has made them', () => {
  const tiled = shardedPlan(SMALL_MEMORY, 3);
  const decoded = (path: string): string => new TextDecoder().decode(tiled.files.get(path));
  const schedules = tiled.plan.shards.map((s) => JSON.parse(decoded(s.schedule ?? '')) as Json);
  const sound = schedules.map(scheduleOf).filter((s) => typeof s !== 'string');
  expect(
    schedulesProblem(
      tiled.plan,
      sound,
      tiled.plan.shards.map((s) => parseProgram(decoded(s.program))),
    ),
  ).toBe(undefined);
});
