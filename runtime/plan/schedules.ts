/**
 * Whether the schedules of a plan's shards fit their programs and each other: everything that is read has been made or
 * received before, what one sends another awaits, at the same point of the same stage. Nothing is run to find out.
 */

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { LAST, scoresName, TRAIN } from '../../spec/names.ts';
import type { Plan } from '../../spec/plan.ts';
import { type Program, type ProgramFunction, type Shape, sameShape, sizeOf } from '../../spec/program.ts';
import schema from '../../spec/schedule.schema.json' with { type: 'json' };
import { type Message, runsIn, type ShardFunction, type ShardSchedule, type Stage } from '../../spec/schedule.ts';
import { asOdd } from '../shard/route.ts';
import { heldProblem } from './held-states.ts';

let validate: ValidateFunction<ShardSchedule> | undefined;

/** @returns the schedule, or what is wrong with its form */
export function scheduleOf(value: unknown): ShardSchedule | string {
  validate ??= new Ajv2020({ strict: false }).compile<ShardSchedule>(schema);
  if (validate(value)) return value;
  const [first] = validate.errors ?? [];
  return `${first?.instancePath ?? ''} ${first?.message ?? 'is not a schedule'}`.trim();
}

/** @returns what does not fit, or nothing */
export function schedulesProblem(
  plan: Plan,
  schedules: readonly ShardSchedule[],
  programs: readonly Program[],
): string | undefined {
  const messages = schedules.map((s) => new Map(s.messages.map((m) => [m.id, m])));
  for (const [i, schedule] of schedules.entries()) {
    if (schedule.shard !== i) return `the schedule of shard ${i} is that of shard ${schedule.shard}`;
    const problem = messagesProblem(schedule, messages) ?? functionsProblem(schedule, programs[i] as Program);
    if (problem !== undefined) return `the schedule of shard ${i}: ${problem}`;
  }
  return wholeProblem(plan, schedules) ?? orderProblem(schedules);
}

/** @param all messages of each shard, by their ids */
function messagesProblem(schedule: ShardSchedule, all: readonly ReadonlyMap<number, Message>[]): string | undefined {
  const seen = new Set<number>();
  for (const message of schedule.messages) {
    const { id, from, to } = message;
    if (seen.has(id)) return `message ${id} occurs twice`;
    seen.add(id);
    if (from === to || (from !== schedule.shard && to !== schedule.shard)) return `message ${id} is not its own`;
    const other = all[from === schedule.shard ? to : from]?.get(id);
    if (!other || !isSameMessage(other, message)) return `its neighbour knows another message ${id}`;
  }
  return undefined;
}

function isSameMessage(a: Message, b: Message): boolean {
  return (
    a.from === b.from &&
    a.to === b.to &&
    a.values.length === b.values.length &&
    a.values.every(({ name, shape, standIn }, i) => {
      const other = b.values[i];
      return other?.name === name && sameShape(other.shape, shape) && other.standIn === standIn;
    })
  );
}

function functionsProblem(schedule: ShardSchedule, program: Program): string | undefined {
  const functions = new Map(program.functions.map((f) => [f.name, f]));
  const messages = new Map(schedule.messages.map((m) => [m.id, m]));
  const used = new Set<number>();
  const names = new Set<string>();
  for (const f of schedule.functions) {
    if (names.has(f.name)) return `${f.name} occurs twice`;
    names.add(f.name);
    const states = new Map(program.states.map((s) => [s.id, s.shape]));
    const known = { functions, states, messages };
    const problem =
      new Locals(schedule.shard, f, known, used).problem() ??
      heldProblem(f, functions) ??
      oddProblem(schedule.shard, f, known);
    if (problem !== undefined) return `${f.name}: ${problem}`;
    if (f.after?.some((s) => s.segments.some((g) => g.send.length + g.receive.length > 0)))
      return `${f.name}: its weight step waits for others`;
    const alone = { ...f, stages: f.after ?? [], inputs: [], results: [] };
    const stepProblem = new Locals(schedule.shard, alone, { functions, states, messages }, used).problem();
    if (stepProblem !== undefined) return `${f.name}: ${stepProblem}`;
  }
  return used.size === messages.size ? undefined : 'it has messages without a sender or a receiver';
}

/** Odd batches exchange what even ones do, and run no segment of theirs. */
function oddProblem(shard: number, f: ShardFunction, known: Known): string | undefined {
  if (!f.odd) return undefined;
  if (!f.after && f.name !== LAST) return 'its batches begin ahead of a weight step that it does not have';
  const runs = runsIn([...f.stages, ...(f.after ?? [])]);
  if (runs.some((run) => runs.includes(f.odd?.[run] ?? run))) return 'odd batches run segments of even ones';
  const odd = asOdd(f);
  const alone = { ...odd, stages: odd.after ?? [], inputs: [], results: [] };
  const problem =
    new Locals(shard, odd, known, new Set()).problem() ??
    new Locals(shard, alone, known, new Set()).problem() ??
    heldProblem(odd, known.functions);
  return problem === undefined ? undefined : `odd batches: ${problem}`;
}

interface Known {
  readonly functions: ReadonlyMap<string, ProgramFunction>;
  readonly states: ReadonlyMap<string, Shape>;
  readonly messages: ReadonlyMap<number, Message>;
}

/** Goes through a function once, with the shapes of its locals instead of their values. */
class Locals {
  readonly #shapes = new Map<string, Shape>();
  readonly #shard: number;
  readonly #f: ShardFunction;
  readonly #known: Known;
  readonly #used: Set<number>;

  /** @param used messages that were sent or awaited already */
  constructor(shard: number, f: ShardFunction, known: Known, used: Set<number>) {
    this.#shard = shard;
    this.#f = f;
    this.#known = known;
    this.#used = used;
  }

  problem(): string | undefined {
    for (const stage of this.#f.stages) {
      const problem = this.#stageProblem(stage);
      if (problem !== undefined) return `stage ${stage.name}: ${problem}`;
    }
    const missing = this.#f.results.find((r) => !this.#shapes.has(r.value));
    return missing && `it has no ${missing.value} to give`;
  }

  #stageProblem(stage: Stage): string | undefined {
    const begun = this.#move(stage.begin);
    if (begun !== undefined) return begun;
    for (const { receive, run, send } of stage.segments) {
      const problem = this.#receive(receive) ?? (run === undefined ? undefined : this.#run(run)) ?? this.#send(send);
      if (problem !== undefined) return problem;
    }
    for (const { from, to } of stage.next)
      if (!same(this.#shapes.get(from), this.#shapes.get(to))) return `${to} becomes ${from}, which does not fit`;
    return this.#move(stage.end);
  }

  #move(moves: Stage['begin']): string | undefined {
    for (const { from, to } of moves) {
      const found = this.#shapes.get(from);
      if (!found) return `${from} does not exist`;
      this.#shapes.set(to, found);
    }
    return undefined;
  }

  #receive(ids: readonly number[]): string | undefined {
    for (const id of ids) {
      const message = this.#known.messages.get(id);
      if (message?.to !== this.#shard || this.#used.has(id)) return `it cannot await message ${id} here`;
      this.#used.add(id);
      for (const { shape, standIn } of message.values)
        if (standIn !== undefined && !same(this.#shapes.get(standIn), shape))
          return `nothing stands in for message ${id}`;
      for (const value of message.values) this.#shapes.set(value.name, value.shape);
    }
    return undefined;
  }

  #send(ids: readonly number[]): string | undefined {
    for (const id of ids) {
      const message = this.#known.messages.get(id);
      if (message?.from !== this.#shard || this.#used.has(id)) return `it cannot send message ${id} here`;
      this.#used.add(id);
      for (const value of message.values)
        if (!same(this.#shapes.get(value.name), value.shape)) return `message ${id} has no ${value.name} of its shape`;
    }
    return undefined;
  }

  #run(name: string): string | undefined {
    const f = this.#known.functions.get(name);
    if (!f) return `there is no segment ${name}`;
    const fields = new Map(this.#f.inputs.map((i) => [i.name, i]));
    for (const input of f.inputs) {
      const field = input.id === input.field ? undefined : fields.get(input.field);
      const fits = field
        ? field.type === input.type && same([this.#f.batch, ...field.shape], input.shape)
        : same(this.#shapes.get(input.field), input.shape);
      if (!fits) return `${name} reads ${input.field}, which does not exist in this shape`;
    }
    const shapes = shapesWithin(f);
    for (const { name: local, value } of f.results) {
      const found = shapes.get(value) ?? this.#known.states.get(value);
      if (found) this.#shapes.set(local, found);
    }
    return undefined;
  }
}

function shapesWithin(f: ProgramFunction): Map<string, Shape> {
  return new Map([...f.inputs, ...f.blocks.flatMap((b) => b.ops)].map((v) => [v.id, v.shape]));
}

/** All shards together do what the plan says. */
function wholeProblem(plan: Plan, schedules: readonly ShardSchedule[]): string | undefined {
  const wanted = [
    ...(plan.training ? [{ name: TRAIN, ...plan.training, results: [] as string[] }] : []),
    ...plan.predictions.map((p) => ({
      name: p.function,
      batch: p.batch,
      inputs: p.inputs,
      results: p.reads.flatMap((r) => (r.scores ? [r.name, scoresName(r.name)] : [r.name])),
    })),
  ];
  for (const { name, batch, inputs, results } of wanted) {
    const parts = schedules.map((s) => s.functions.find((f) => f.name === name));
    const [{ microbatches = 1, last, odd } = {}] = parts;
    if (parts.some((f) => (f?.microbatches ?? 1) !== microbatches || f?.last !== last))
      return `not every shard divides ${name} alike`;
    const begun = name === TRAIN && plan.training?.ahead === 1;
    const all = schedules.flatMap((s) => s.functions.filter((f) => f.name === name || f.name === last));
    if (begun !== (odd !== undefined) || all.some((f) => (f.odd !== undefined) !== begun))
      return `not every shard begins ${name} as far ahead as the plan says`;
    const taken = schedules.map((s) => samplesIn(s, name));
    if (taken.some((samples) => samples !== batch)) return `not every shard takes batches of ${batch} in ${name}`;
    const fields = new Set(inputs.map((i) => `${i.name} ${i.type} ${String(i.shape)}`));
    for (const input of parts.flatMap((f) => f?.inputs ?? []))
      if (!fields.has(`${input.name} ${input.type} ${String(input.shape)}`))
        return `${name} is fed ${input.name}, which the plan does not name`;
    const given = parts.flatMap((f) => f?.results.map((r) => r.name) ?? []);
    if (new Set(given).size !== given.length) return `${name} gives a result twice`;
    for (const result of results) if (!given.includes(result)) return `${name} does not give ${result}`;
  }
  return undefined;
}

/** Samples of a batch, over its microbatches; of those only the last may be smaller. */
function samplesIn({ functions }: ShardSchedule, name: string): number | undefined {
  const f = functions.find((g) => g.name === name);
  if (!f) return undefined;
  const { batch, microbatches = 1 } = f;
  if (f.last === undefined) return batch * microbatches;
  const last = functions.find((g) => g.name === f.last);
  if (!last || f.last !== LAST || last.batch >= batch || microbatches < 2) return undefined;
  const names = (list: ShardFunction['inputs'] | ShardFunction['results']): string =>
    JSON.stringify(list.map(({ name }) => name).sort());
  const alike = names(f.inputs) === names(last.inputs) && names(f.results) === names(last.results);
  return alike ? batch * (microbatches - 1) + last.batch : undefined;
}

/** Whether all shards get to their end: messages as they would go, one repetition of each stage. */
function orderProblem(schedules: readonly ShardSchedule[]): string | undefined {
  for (const name of schedules[0]?.functions.map((f) => f.name) ?? []) {
    const steps = schedules.map(
      (s) => s.functions.find((f) => f.name === name)?.stages.flatMap((g) => g.segments) ?? [],
    );
    const repeats = new Map<number, number>();
    for (const s of schedules)
      for (const stage of s.functions.find((f) => f.name === name)?.stages ?? [])
        for (const id of stage.segments.flatMap((g) => [...g.send, ...g.receive])) {
          if ((repeats.get(id) ?? stage.repeat) !== stage.repeat)
            return `message ${id} is sent more often than awaited`;
          repeats.set(id, stage.repeat);
        }
    const sent = new Set<number>();
    const at = steps.map(() => 0);
    for (let moved = true; moved; ) {
      moved = false;
      steps.forEach((list, i) => {
        for (let step = list[at[i] ?? 0]; step?.receive.every((id) => sent.has(id)); step = list[at[i] ?? 0]) {
          for (const id of step.send) sent.add(id);
          at[i] = (at[i] ?? 0) + 1;
          moved = true;
        }
      });
    }
    const stuck = at.findIndex((n, i) => n < (steps[i]?.length ?? 0));
    if (stuck >= 0) return `in ${name}, shard ${stuck} waits for a message that never comes`;
  }
  return undefined;
}

function same(a: Shape | undefined, b: Shape | undefined): boolean {
  return a !== undefined && b !== undefined && sameShape(a, b) && sizeOf(a) > 0;
}
