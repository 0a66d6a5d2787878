/** Values that have to be locals of a shard: another segment, a message, a move or a result reads them. */
import type { Draft } from './draft.ts';
import type { Tellings } from './phases.ts';
import type { DraftStage } from './stages.ts';
import { ValueSet } from './value-map.ts';
import type { FunctionValues, Value } from './values.ts';

/** Of one shard after the other. */
export class WantedLocals {
  readonly #tellings: Tellings;
  readonly #wanted: ValueSet;
  readonly #own: ValueSet;

  /** @param tellings by number, of all shards */
  constructor({ count }: FunctionValues, tellings: Tellings) {
    this.#tellings = tellings;
    this.#wanted = new ValueSet(count);
    this.#own = new ValueSet(count);
  }

  has(value: Value): boolean {
    return this.#wanted.has(value);
  }

  find({ stages, held, results, stands }: Draft): void {
    const [wanted, own] = [this.#wanted, this.#own];
    const common: Value[] = [];
    const want = (value: Value): void => {
      if (wanted.has(value)) return;
      wanted.add(value);
      if (value.isCommon) common.push(value);
    };
    const read = (value: Value): void => {
      if (!own.has(value) && !held.names.has(value)) want(value);
    };
    wanted.clear();
    for (const { value } of results) want(value);
    for (const value of stands) want(value);
    for (const { begin, next, end, segments } of stages) {
      for (const moves of [begin, next, end]) for (const { from } of moves) want(from);
      for (const { ops, send, updates } of segments) {
        own.clear();
        for (const op of ops) own.add(op);
        for (const { args } of ops) for (const arg of args) read(arg);
        for (const { value } of updates) read(value);
        for (const id of send) for (const value of this.#tellings.get(id)?.values ?? []) want(value);
      }
    }
    for (const value of common)
      if (!results.some((r) => r.value === value) && !isGiven(value, stages)) wanted.delete(value);
  }
}

/** Whether a value that every shard makes for itself is a local: only where a carry begins with it. */
function isGiven(value: Value, stages: readonly DraftStage[]): boolean {
  return stages.some((s) => s.segments.some((g) => g.given.includes(value)));
}
