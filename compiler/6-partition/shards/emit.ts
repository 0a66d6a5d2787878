/** Drafts become functions of a shard's program, and the schedule that calls them. */
import { segmentName } from '../../../spec/names.ts';
import type { Input, Op, ProgramFunction, Scalar } from '../../../spec/program.ts';
import type { Move, Segment, ShardFunction, Stage } from '../../../spec/schedule.ts';
import { removeDeadCode } from '../../5-program/passes/dead-code.ts';
import { assignSlots } from '../../5-program/passes/slots.ts';
import type { Draft } from './draft.ts';
import type { Held } from './held.ts';
import type { Tellings } from './phases.ts';
import type { DraftMove, DraftSegment, DraftStage } from './stages.ts';
import { atTick } from './straight.ts';
import { ValueSet } from './value-map.ts';
import type { FunctionValues, OpValue, Value } from './values.ts';
import { WantedLocals } from './wanted.ts';

export interface EmittedFunction {
  readonly schedule: ShardFunction;
  readonly segments: readonly ProgramFunction[];
}

/** Writes one function for one shard after the other. */
export class Emitter {
  readonly #values: FunctionValues;
  readonly #inputs: ReadonlyMap<string, Input>;
  readonly #wanted: WantedLocals;
  readonly #own: ValueSet;
  readonly #here: ValueSet;

  /** @param tellings by number, of all shards */
  constructor(values: FunctionValues, tellings: Tellings) {
    this.#values = values;
    this.#inputs = new Map(values.f.inputs.map((input) => [input.id, input]));
    this.#wanted = new WantedLocals(values, tellings);
    this.#own = new ValueSet(values.count);
    this.#here = new ValueSet(values.count);
  }

  emit(draft: Draft): EmittedFunction {
    const { f } = this.#values;
    const { stages, held, results } = draft;
    this.#wanted.find(draft);
    const segments: ProgramFunction[] = [];
    const emitted = stages.flatMap((stage): Stage[] => {
      const { name, repeat, firstTick } = stage;
      const kept = stage.segments.flatMap((draft): Segment[] => {
        const made = this.#segment(segmentName(f.name, name, segments.length), stage, draft, held);
        if (made) segments.push(made);
        const { receive, send } = draft;
        return made || receive.length > 0 || send.length > 0
          ? [{ receive, ...(made ? { run: made.name } : {}), send }]
          : [];
      });
      const [begin, next, end] = [named(stage.begin), named(stage.next), named(stage.end)];
      if (kept.length === 0 && begin.length === 0 && end.length === 0) return [];
      return [{ name, repeat, firstTick, begin, segments: kept, next, end }];
    });
    const fields = new Map(segments.flatMap((s) => s.inputs.filter((i) => i.id !== i.field).map((i) => [i.field, i])));
    const inputs = [...fields.values()].map((i) => ({ name: i.field, type: i.type, shape: i.shape.slice(1) }));
    const given = results.map(({ result }) => result);
    return { schedule: { name: f.name, batch: f.batch, inputs, stages: emitted, results: given }, segments };
  }

  #segment(name: string, stage: DraftStage, draft: DraftSegment, held: Held): ProgramFunction | undefined {
    const writer = new SegmentWriter(this.#values, stage, held, this.#inputs, this.#own, this.#here);
    writer.begin(draft.ops);
    for (const op of draft.ops) writer.add(op);
    const updates = draft.updates.map(({ state, value }) => ({ state, value: writer.read(value) }));
    const locals = new Set<Value>();
    for (const list of [draft.ops, draft.given])
      for (const value of list) if (this.#wanted.has(value)) locals.add(value);
    const results = [...locals].map((value) => ({ name: value.id, value: writer.read(value) }));
    if (updates.length === 0 && results.length === 0) return undefined;
    const block = { name: stage.name, repeat: 1, firstTick: 0, carries: [], scalars: writer.scalars, ops: writer.ops };
    const { batch } = this.#values.f;
    const f = { name, role: 'segment' as const, batch, inputs: writer.inputs, blocks: [block], updates, results };
    const live = removeDeadCode(f);
    return assignSlots({ ...live, inputs: live.inputs.filter((i) => isUsed(live, i.id)) });
  }
}

function named(moves: readonly DraftMove[]): Move[] {
  return moves.map(({ from, to }) => ({ from: from.id, to: to.id }));
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
  readonly #fields: ReadonlyMap<string, Input>;
  readonly #own: ValueSet;
  readonly #here: ValueSet;

  /** @param own a set for its operations @param here for what stands in it by its own name */
  constructor(
    values: FunctionValues,
    stage: DraftStage,
    held: Held,
    fields: ReadonlyMap<string, Input>,
    own: ValueSet,
    here: ValueSet,
  ) {
    this.#values = values;
    this.#stage = stage;
    this.#held = held;
    this.#fields = fields;
    this.#own = own;
    this.#here = here;
  }

  begin(own: readonly OpValue[]): void {
    this.#own.clear();
    this.#here.clear();
    for (const op of own) this.#own.add(op);
  }

  add(value: OpValue): void {
    const { slot: _slot, ...rest } = value.op;
    const args = value.args.map((a) => this.read(a));
    this.ops.push({ ...rest, args });
    this.#here.add(value);
  }

  /** The name by which this segment reads a value. */
  read(value: Value): string {
    const { id, kind, scalar } = value;
    if (this.#here.has(value) || this.#own.has(value)) return id;
    const kept = this.#held.names.get(value);
    if (kept !== undefined) return kept;
    if (kind === 'state') return id;
    this.#here.add(value);
    if (scalar) this.#addScalar(scalar, value.block);
    else if (value.isCommon) this.add(value as OpValue);
    else this.inputs.push(this.#fields.get(id) ?? { id, field: id, type: 'f32', shape: value.shape });
    return id;
  }

  #addScalar(scalar: Scalar, block: number): void {
    const within = this.#stage.loop === block;
    const firstTick = this.#values.f.blocks[block]?.firstTick ?? 0;
    this.scalars.push(within ? scalar : { ...scalar, expr: atTick(scalar.expr, firstTick) });
  }
}
