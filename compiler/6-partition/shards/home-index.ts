/** An index of what each shard holds of a function, made once for all shards: there may be a thousand of them. */
import { append } from '../../../spec/append.ts';
import { type Homes, NOWHERE } from './place.ts';
import type { CarryValues, FunctionValues, UpdateValues } from './values.ts';

export interface HomeIndex {
  /** Updates of the states that the shard has, in the function's order. */
  updates(shard: number): readonly UpdateValues[];
  /** Carries of a block that the shard holds, in the block's order. */
  carries(shard: number, block: number): readonly CarryValues[];
}

export function indexHomes(values: FunctionValues, homes: Homes): HomeIndex {
  const updates = new Map<number, UpdateValues[]>();
  for (const update of values.updates) {
    const home = homes.ofState(update.state);
    if (home !== NOWHERE) append(updates, home, update);
  }
  const carries = values.blocks.map((block) => {
    const held = new Map<number, CarryValues[]>();
    for (const carry of block.carries) {
      const home = homes.of(carry.inside);
      if (home !== NOWHERE) append(held, home, carry);
    }
    return held;
  });
  return {
    updates: (shard) => updates.get(shard) ?? [],
    carries: (shard, block) => carries[block]?.get(shard) ?? [],
  };
}
