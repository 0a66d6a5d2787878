/**
 * A function of the whole model for another number of samples, on all shards at once: which axis of a value counts
 * samples follows from where it is made, and that may be another shard.
 */
import { sizedName } from '../../../spec/names.ts';
import type { Block, Carry, Program, ProgramFunction, Shape, State } from '../../../spec/program.ts';
import type { Message, ShardFunction, ShardSchedule, Stage } from '../../../spec/schedule.ts';
import { type BatchAxes, batchAxes, FixedBatch } from '../../5-program/batch-axes.ts';
import { rebatched } from '../../5-program/rebatch.ts';

/** A shard, as far as it is looked at here. */
export interface ShardParts {
  readonly program: Program;
  readonly schedule: Pick<ShardSchedule, 'functions' | 'messages'>;
}

/** Additions to one shard for a function of the whole model of another size. */
export interface RebatchedShard {
  /** Under the name of that size, as the segments that it runs. */
  readonly scheduled: ShardFunction;
  readonly messages: readonly Message[];
  readonly functions: readonly ProgramFunction[];
  readonly states: readonly State[];
}

/**
 * @param name of the function that every shard has a part in
 * @returns what each shard has besides for so many samples; `firstMessage` is added to what its messages are called
 * @throws FixedBatch where samples are mixed, or where they may be
 */
export function rebatchableShards(
  shards: readonly ShardParts[],
  name: string,
): (batch: number, firstMessage: number) => RebatchedShard[] {
  const parts = shards.map((shard) => partOf(shard, name));
  const axes = batchAxes(...joined(parts));
  return (batch, firstMessage) => parts.map((part) => resized(part, axes, batch, firstMessage));
}

interface ShardPart {
  readonly program: Program;
  readonly scheduled: ShardFunction;
  readonly segments: readonly ProgramFunction[];
  readonly messages: readonly Message[];
}

function partOf({ program, schedule }: ShardParts, name: string): ShardPart {
  const scheduled = schedule.functions.find((f) => f.name === name);
  if (!scheduled) throw new FixedBatch(`a shard has no part in ${name}`);
  if (scheduled.microbatches !== undefined || scheduled.after || scheduled.odd)
    throw new FixedBatch(`${name} divides its batch`);
  const all = scheduled.stages.flatMap((stage) => stage.segments);
  const runs = new Set(all.flatMap(({ run }) => run ?? []));
  const ids = new Set(all.flatMap(({ receive, send }) => [...receive, ...send]));
  return {
    program,
    scheduled,
    segments: program.functions.filter((f) => runs.has(f.name)),
    messages: schedule.messages.filter((m) => ids.has(m.id)),
  };
}

/** All segments of all shards as one function: a value has the same name wherever it goes. */
function joined(parts: readonly ShardPart[]): [Program, ProgramFunction] {
  const [first] = parts;
  if (!first) throw new FixedBatch('a plan has at least one shard');
  const segments = parts.flatMap((part) => part.segments);
  const fields = new Set(parts.flatMap(({ scheduled }) => scheduled.inputs.map((i) => i.name)));
  const given = new Set(parts.flatMap(({ scheduled }) => scheduled.results.map((r) => r.value)));
  const name = first.scheduled.name;
  const inputs = segments.flatMap((f) => f.inputs);
  const results = segments.flatMap((f) => f.results);
  const joins: Block = { name: 'joins', repeat: 1, firstTick: 0, scalars: [], carries: joinsOf(parts), ops: [] };
  const f: ProgramFunction = {
    name,
    role: 'predict',
    batch: first.scheduled.batch,
    inputs: inputs.filter((i) => fields.has(i.field)),
    blocks: [...segments.flatMap((s) => s.blocks), joins],
    updates: segments.flatMap((s) => s.updates),
    results: results.filter((r) => (r.members ?? [r.name]).some((n) => given.has(n))),
  };
  return [{ name, states: parts.flatMap(({ program }) => program.states), functions: [f] }, f];
}

/** Places that hold one value under two names, one after the other: both have the axis of samples alike. */
function joinsOf(parts: readonly ShardPart[]): Carry[] {
  const shapes = shapesOf(parts);
  const same = (a: string, b: string): Carry => {
    const shape = shapes.get(a) ?? shapes.get(b);
    if (!shape) throw new FixedBatch(`${a} is not defined`);
    return { id: a, init: b, next: b, result: a, shape };
  };
  return parts.flatMap(({ scheduled, segments }) => {
    const fields = new Set(scheduled.inputs.map((i) => i.name));
    const moves = scheduled.stages.flatMap(({ begin, next, end }) => [...begin, ...next, ...end]);
    return [
      ...moves.map(({ from, to }) => same(to, from)),
      ...segments.flatMap((f) => [
        ...f.inputs.filter((i) => !fields.has(i.field)).map((i) => same(i.id, i.field)),
        ...f.results.filter((r) => !r.members).map((r) => same(r.name, r.value)),
      ]),
    ];
  });
}

function shapesOf(parts: readonly ShardPart[]): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const { program, segments, messages } of parts) {
    for (const { id, shape } of program.states) shapes.set(id, shape);
    for (const { values } of messages) for (const value of values) shapes.set(value.name, value.shape);
    for (const { inputs, blocks } of segments) {
      for (const { id, field, shape } of inputs) shapes.set(id, shape).set(field, shape);
      for (const { carries, ops } of blocks) {
        for (const { id, result, shape } of carries) shapes.set(id, shape).set(result, shape);
        for (const { id, shape } of ops) shapes.set(id, shape);
      }
    }
  }
  return shapes;
}

function resized(part: ShardPart, axes: BatchAxes, batch: number, firstMessage: number): RebatchedShard {
  const { program, scheduled, segments, messages } = part;
  const suffix = sizedName('', batch);
  const made = segments.map((f) => rebatched(program, f, axes, batch, suffix));
  const states = new Map(made.flatMap((m) => m.states).map((s) => [s.id, s]));
  return {
    scheduled: {
      ...scheduled,
      name: sizedName(scheduled.name, batch),
      batch,
      stages: scheduled.stages.map((stage) => resizedStage(stage, batch, firstMessage)),
    },
    messages: messages.map((m) => ({
      ...m,
      id: m.id + firstMessage,
      values: m.values.map(({ name, shape }) => ({
        name,
        shape: shape.map((n, axis) => (axis === axes.get(name) ? (n / scheduled.batch) * batch : n)),
      })),
    })),
    functions: made.map((m) => m.f),
    states: [...states.values()],
  };
}

function resizedStage(stage: Stage, batch: number, firstMessage: number): Stage {
  const segments = stage.segments.map(({ receive, run, send }) => ({
    receive: receive.map((id) => id + firstMessage),
    ...(run === undefined ? {} : { run: sizedName(run, batch) }),
    send: send.map((id) => id + firstMessage),
  }));
  return { ...stage, segments };
}
