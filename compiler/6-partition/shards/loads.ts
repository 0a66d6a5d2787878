/**
 * Costs of a function to each shard, counted on drafts: shares are made even in several rounds, and only the programs of
 * one of them are ever written.
 */
import type { ProgramFunction } from '../../../spec/program.ts';
import { isOperator, operators } from '../../operators/table.ts';
import type { Draft } from './draft.ts';
import type { Held } from './held.ts';
import type { Tellings } from './phases.ts';
import type { DraftSegment, DraftStage } from './stages.ts';
import { ValueSet } from './value-map.ts';
import type { FunctionValues, OpValue, Value } from './values.ts';
import { WantedLocals } from './wanted.ts';

export interface Load {
  /** Of one run. */
  readonly flops: number;
  /** That it goes through, those that were written out in front of the loop included. */
  readonly ticks: number;
}

export interface FunctionLoads {
  readonly f: ProgramFunction;
  /** By shard. */
  readonly loads: readonly Load[];
}

/** FLOP of a tick of each shard, in the units in which pieces count them: of one microbatch. */
export function tickWorkOf(functions: readonly FunctionLoads[], shards: number): number[] {
  const of = (role: ProgramFunction['role']) => functions.find(({ f }) => f.role === role);
  const [train, last, move] = [of('train'), of('last'), of('move')];
  const main = train ?? functions[0];
  const runs = train && move ? Math.ceil(move.f.batch / train.f.batch) : 1;
  const whole = last ? runs - 1 : runs;
  const batches = train ? (whole * train.f.batch + (last?.f.batch ?? 0)) / train.f.batch : 1;
  const ticks = Math.max(1, ...(main?.loads ?? []).map((load) => load.ticks));
  return Array.from({ length: shards }, (_, shard) => {
    const flops = (one: FunctionLoads | undefined): number => one?.loads[shard]?.flops ?? 0;
    return (flops(main) * whole + flops(last) + flops(move)) / ticks / Math.max(1, batches);
  });
}

/** Counts one function for one shard after the other, as `Emitter` writes it. */
export class Loads {
  readonly #wanted: WantedLocals;
  readonly #own: ValueSet;
  readonly #live: ValueSet;
  readonly #flops: Float64Array;

  /** @param tellings by number, of all shards */
  constructor(values: FunctionValues, tellings: Tellings) {
    this.#wanted = new WantedLocals(values, tellings);
    this.#own = new ValueSet(values.count);
    this.#live = new ValueSet(values.count);
    this.#flops = new Float64Array(values.count).fill(Number.NaN);
  }

  of(draft: Draft): Load {
    this.#wanted.find(draft);
    let flops = 0;
    let longest: DraftStage | undefined;
    for (const stage of draft.stages) {
      const { segments, begin, next, end, repeat } = stage;
      let isKept = begin.length > 0 || end.length > 0;
      for (const segment of segments) {
        const own = this.#segment(segment, draft.held);
        isKept ||= own !== undefined || segment.receive.length > 0 || segment.send.length > 0;
        flops += (own ?? 0) * repeat;
      }
      if (isKept && (repeat > 1 || next.length > 0) && repeat > (longest?.repeat ?? 0)) longest = stage;
    }
    return { flops, ticks: longest ? longest.firstTick + longest.repeat : 1 };
  }

  /** FLOP of a segment without dead code; undefined where nothing is kept of it. */
  #segment({ ops, given, updates }: DraftSegment, held: Held): number | undefined {
    this.#own.clear();
    this.#live.clear();
    const locals: Value[] = [];
    for (const op of ops) {
      this.#own.add(op);
      if (this.#wanted.has(op)) locals.push(op);
    }
    for (const value of given) if (this.#wanted.has(value)) locals.push(value);
    if (locals.length === 0 && updates.length === 0) return undefined;
    let flops = 0;
    const read = (value: Value): void => {
      if (this.#live.has(value)) return;
      const isOwn = this.#own.has(value);
      if (!isOwn && (held.names.has(value) || value.kind !== 'op' || !value.isCommon)) return;
      this.#live.add(value);
      if (!isOwn) count(value as OpValue);
    };
    const count = (op: OpValue): void => {
      flops += this.#flopsOf(op);
      for (const arg of op.args) read(arg);
    };
    for (const { value } of updates) read(value);
    for (const value of locals) read(value);
    for (let i = ops.length - 1; i >= 0; i--) {
      const op = ops[i] as OpValue;
      if (this.#live.has(op)) count(op);
    }
    return flops;
  }

  #flopsOf({ op, args, index }: OpValue): number {
    const known = this.#flops[index] as number;
    if (!Number.isNaN(known)) return known;
    const shapes = args.map((a) => a.shape);
    const flops = isOperator(op.op) ? operators[op.op].flops(shapes, op.shape, op.attributes) : 0;
    this.#flops[index] = flops;
    return flops;
  }
}
