/**
 * A shard's part in one function, prepared for walking: what each segment reads, and when a local is needed no more.
 */
import type { Program, ProgramFunction } from '../../spec/program.ts';
import type { Message, ShardFunction, ShardSchedule, Stage } from '../../spec/schedule.ts';

export interface Route {
  readonly shardFunction: ShardFunction;
  readonly segments: ReadonlyMap<string, ProgramFunction>;
  readonly messages: ReadonlyMap<number, Message>;
  /** Locals that nothing behind a stage reads, by stage. */
  readonly dropped: readonly (readonly string[])[];
  /** Locals that are sent or are results, under all the names that they have on the way there. */
  readonly shown: ReadonlySet<string>;
}

/** Repetitions of its stages: ticks, as times are counted. */
export function ticksOf({ stages, after = [] }: Pick<ShardFunction, 'stages' | 'after'>): number {
  return [...stages, ...after].reduce((sum, { repeat }) => sum + repeat, 0);
}

/** The same with what comes behind all microbatches of a batch. */
export interface BatchRoute extends Route {
  readonly after?: Route;
  /** Of the last microbatch, where it has fewer samples than the others. */
  readonly last?: Route;
  /** Segments that add up what microbatches contribute, those of the last one included. */
  readonly adds: ReadonlySet<string>;
}

/** The route of each call of a function, by the number of its batch: all are alike, or even and odd ones take turns. */
export interface Routes {
  /** @param batch over the whole training, from 0 */
  of(batch: number): BatchRoute;
  /** Whether a batch may begin before the weight step of the one before it. */
  readonly ahead: boolean;
}

export function routesOf(
  f: ShardFunction,
  program: Program,
  { functions, messages }: Pick<ShardSchedule, 'functions' | 'messages'>,
): Routes {
  const even = batchRouteOf(f, program, { functions, messages });
  if (!f.odd) return { of: () => even, ahead: false };
  const odd = batchRouteOf(asOdd(f), program, { functions: functions.map(asOdd), messages });
  return { of: (batch) => (batch % 2 === 0 ? even : odd), ahead: true };
}

/** A function as odd batches run it. */
export function asOdd({ odd = {}, ...f }: ShardFunction): ShardFunction {
  const renamed = (stages: readonly Stage[]): Stage[] =>
    stages.map((stage) => ({
      ...stage,
      segments: stage.segments.map((s) => (s.run === undefined ? s : { ...s, run: odd[s.run] ?? s.run })),
    }));
  return { ...f, stages: renamed(f.stages), ...(f.after && { after: renamed(f.after) }) };
}

function batchRouteOf(
  f: ShardFunction,
  program: Program,
  { functions, messages }: Pick<ShardSchedule, 'functions' | 'messages'>,
): BatchRoute {
  const sums = new Set(program.states.filter((s) => s.role === 'sum').map((s) => s.id));
  const route = routeOf(f, program, messages);
  const smaller = functions.find((g) => g.name === f.last);
  const last = smaller && routeOf(smaller, program, messages);
  const adding = [...route.segments, ...(last?.segments ?? [])].filter(([, g]) =>
    g.updates.some((u) => sums.has(u.state)),
  );
  const adds = new Set(adding.map(([name]) => name));
  const after = f.after && routeOf({ ...f, stages: f.after, inputs: [], results: [] }, program, messages);
  return { ...route, adds, ...(last && { last }), ...(after && { after }) };
}

/** @throws Error where the schedule names a segment or a message that is not there */
export function routeOf(shardFunction: ShardFunction, program: Program, all: readonly Message[]): Route {
  const functions = new Map(program.functions.map((f) => [f.name, f]));
  const byId = new Map(all.map((m) => [m.id, m]));
  const segments = new Map<string, ProgramFunction>();
  const messages = new Map<number, Message>();
  for (const { run, receive, send } of shardFunction.stages.flatMap((s) => s.segments)) {
    const f = run === undefined ? undefined : functions.get(run);
    if (run !== undefined && !f) throw new Error(`${shardFunction.name} runs ${run}, which is not in the program`);
    if (run !== undefined && f) segments.set(run, f);
    for (const id of [...receive, ...send]) {
      const message = byId.get(id);
      if (!message) throw new Error(`${shardFunction.name} names message ${id}, which does not exist`);
      messages.set(id, message);
    }
  }
  const dropped = droppedBy(shardFunction, segments, messages);
  return { shardFunction, segments, messages, dropped, shown: shownBy(shardFunction, messages) };
}

function shownBy({ stages, results }: ShardFunction, messages: ReadonlyMap<number, Message>): ReadonlySet<string> {
  const sent = stages.flatMap(({ segments }) => segments.flatMap(({ send }) => send));
  const shown = new Set(sent.flatMap((id) => messages.get(id)?.values.map(({ name }) => name) ?? []));
  for (const { value } of results) shown.add(value);
  const moves = stages.flatMap(({ begin, next, end }) => [...begin, ...next, ...end]);
  for (let before = -1; before < shown.size; ) {
    before = shown.size;
    for (const { from, to } of moves) if (shown.has(to)) shown.add(from);
  }
  return shown;
}

function droppedBy(
  f: ShardFunction,
  segments: ReadonlyMap<string, ProgramFunction>,
  messages: ReadonlyMap<number, Message>,
): string[][] {
  const last = new Map<string, number>();
  f.stages.forEach((stage, i) => {
    for (const name of readBy(stage, segments, messages)) last.set(name, i);
  });
  for (const { value } of f.results) last.set(value, f.stages.length);
  const dropped: string[][] = f.stages.map(() => []);
  for (const [name, stage] of last) dropped[stage]?.push(name);
  return dropped;
}

function* readBy(
  stage: Stage,
  segments: ReadonlyMap<string, ProgramFunction>,
  messages: ReadonlyMap<number, Message>,
): Generator<string> {
  for (const move of [...stage.begin, ...stage.next, ...stage.end]) yield* [move.from, move.to];
  for (const { receive, run, send } of stage.segments) {
    const f = run === undefined ? undefined : segments.get(run);
    for (const input of f?.inputs ?? []) yield input.field;
    for (const id of receive)
      for (const { standIn } of messages.get(id)?.values ?? []) if (standIn !== undefined) yield standIn;
    for (const id of send) for (const { name } of messages.get(id)?.values ?? []) yield name;
  }
}
