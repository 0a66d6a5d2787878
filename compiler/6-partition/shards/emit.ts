/** Drafts become functions of a shard's program, and the schedule that calls them. */
import { segmentName } from '../../../spec/names.ts';
import type { Input, Op, ProgramFunction, Result, Scalar } from '../../../spec/program.ts';
import type { Message, Segment, ShardFunction, Stage } from '../../../spec/schedule.ts';
import { removeDeadCode } from '../../5-program/passes/dead-code.ts';
import { assignSlots } from '../../5-program/passes/slots.ts';
import type { Held } from './held.ts';
import type { DraftSegment, DraftStage } from './stages.ts';
import { atTick } from './straight.ts';
import type { FunctionValues } from './values.ts';

export interface EmittedFunction {
  readonly schedule: ShardFunction;
  readonly segments: readonly ProgramFunction[];
}

/**
 * @param results that this shard gives; their values are locals of it
 * @param messages by id, of this shard
 */
export function emitFunction(
  values: FunctionValues,
  stages: readonly DraftStage[],
  held: Held,
  results: readonly Result[],
  messages: ReadonlyMap<number, Message>,
): EmittedFunction {
  const wanted = wantedLocals(values, stages, held, results, messages);
  const segments: ProgramFunction[] = [];
  const emitted = stages.flatMap((stage): Stage[] => {
    const { name, repeat, firstTick, begin, next, end } = stage;
    const kept = stage.segments.flatMap((draft): Segment[] => {
      const f = emitSegment(values, segmentName(values.f.name, name, segments.length), stage, draft, held, wanted);
      if (f) segments.push(f);
      const { receive, send } = draft;
      return f || receive.length > 0 || send.length > 0 ? [{ receive, ...(f ? { run: f.name } : {}), send }] : [];
    });
    if (kept.length === 0 && begin.length === 0 && end.length === 0) return [];
    return [{ name, repeat, firstTick, begin, segments: kept, next, end }];
  });
  const { name, batch } = values.f;
  const fields = new Map(segments.flatMap((s) => s.inputs.filter((i) => i.id !== i.field).map((i) => [i.field, i])));
  const inputs = [...fields.values()].map((i) => ({ name: i.field, type: i.type, shape: i.shape.slice(1) }));
  return { schedule: { name, batch, inputs, stages: emitted, results }, segments };
}

/** Values that have to be locals of this shard: another segment, a message, a move or a result reads them. */
function wantedLocals(
  values: FunctionValues,
  stages: readonly DraftStage[],
  held: Held,
  results: readonly Result[],
  messages: ReadonlyMap<number, Message>,
): Set<string> {
  const wanted = new Set<string>(results.map((r) => r.value));
  const read = (id: string): void => {
    if (!held.names.has(id)) wanted.add(id);
  };
  for (const { begin, next, end, segments } of stages) {
    for (const move of [...begin, ...next, ...end]) wanted.add(move.from);
    for (const { ops, send, updates } of segments) {
      const own = new Set(ops.map((op) => op.id));
      for (const arg of [...ops.flatMap((op) => op.args), ...updates.map((u) => u.value)]) if (!own.has(arg)) read(arg);
      for (const id of send) for (const { name } of messages.get(id)?.values ?? []) wanted.add(name);
    }
  }
  for (const id of [...wanted])
    if (values.isCommon(id) && !results.some((r) => r.value === id)) keepGiven(id, stages, wanted);
  return wanted;
}

/** What every shard makes for itself is a local only where a carry begins with it. */
function keepGiven(id: string, stages: readonly DraftStage[], wanted: Set<string>): void {
  if (!stages.some((s) => s.segments.some((g) => g.given.includes(id)))) wanted.delete(id);
}

function emitSegment(
  values: FunctionValues,
  name: string,
  stage: DraftStage,
  draft: DraftSegment,
  held: Held,
  wanted: ReadonlySet<string>,
): ProgramFunction | undefined {
  const writer = new SegmentWriter(values, stage, held, draft.ops);
  for (const op of draft.ops) writer.add(op);
  const updates = draft.updates.map(({ state, value }) => ({ state, value: writer.read(value) }));
  const locals = [...draft.ops.map((op) => op.id), ...draft.given].filter((id) => wanted.has(id));
  const results = [...new Set(locals)].map((id) => ({ name: id, value: writer.read(id) }));
  if (updates.length === 0 && results.length === 0) return undefined;
  const block = { name: stage.name, repeat: 1, firstTick: 0, carries: [], scalars: writer.scalars, ops: writer.ops };
  const f: ProgramFunction = {
    name,
    role: 'segment',
    batch: values.f.batch,
    inputs: writer.inputs,
    blocks: [block],
    updates,
    results,
  };
  const live = removeDeadCode(f);
  return assignSlots({ ...live, inputs: live.inputs.filter((i) => isUsed(live, i.id)) });
}

function isUsed(f: ProgramFunction, id: string): boolean {
  return (
    f.blocks.some((b) => b.ops.some((op) => op.args.includes(id))) ||
    [...f.updates, ...f.results].some((u) => u.value === id)
  );
}

/** Collects what a segment needs from outside: inputs, scalars, and what every shard makes for itself. */
class SegmentWriter {
  readonly inputs: Input[] = [];
  readonly scalars: Scalar[] = [];
  readonly ops: Op[] = [];
  readonly #values: FunctionValues;
  readonly #stage: DraftStage;
  readonly #held: Held;
  readonly #here = new Set<string>();
  readonly #own: ReadonlySet<string>;

  constructor(values: FunctionValues, stage: DraftStage, held: Held, own: readonly Op[]) {
    this.#values = values;
    this.#stage = stage;
    this.#held = held;
    this.#own = new Set(own.map((op) => op.id));
  }

  add(op: Op): void {
    const { slot: _slot, ...rest } = op;
    const args = op.args.map((a) => this.read(a));
    this.ops.push({ ...rest, args });
    this.#here.add(op.id);
  }

  /** The name by which this segment reads a value. */
  read(id: string): string {
    if (this.#here.has(id) || this.#own.has(id)) return id;
    const kept = this.#held.names.get(id);
    if (kept !== undefined) return kept;
    const origin = this.#values.origin(id);
    if (origin.kind === 'state') return id;
    this.#here.add(id);
    if (origin.kind === 'scalar') {
      const { block, scalar } = origin;
      const within = this.#stage.loop === block;
      const firstTick = this.#values.f.blocks[block]?.firstTick ?? 0;
      this.scalars.push(within ? scalar : { ...scalar, expr: atTick(scalar.expr, firstTick) });
    } else if (origin.kind === 'op' && this.#values.isCommon(id)) this.add(origin.op);
    else this.inputs.push(this.#inputOf(id));
    return id;
  }

  #inputOf(id: string): Input {
    const given = this.#values.f.inputs.find((i) => i.id === id);
    return given ?? { id, field: id, type: 'f32', shape: this.#values.shape(id) };
  }
}
