/** What each shard holds of a function, looked up once for all shards: there may be a thousand of them. */
import { append } from '../../../spec/append.ts';
import type { Carry, Update } from '../../../spec/program.ts';
import type { Homes } from './place.ts';
import type { FunctionValues } from './values.ts';

export interface HomeIndex {
  /** Updates of the states that the shard has, in the function's order. */
  updates(shard: number): readonly Update[];
  /** Carries of a block that the shard holds, in the block's order. */
  carries(shard: number, block: number): readonly Carry[];
}

export function indexHomes(values: FunctionValues, homes: Homes): HomeIndex {
  const updates = new Map<number, Update[]>();
  for (const update of values.f.updates) {
    const origin = values.origin(update.state);
    const home = origin.kind === 'state' ? homes.ofState(origin.state) : undefined;
    if (home !== undefined) append(updates, home, update);
  }
  const carries = values.f.blocks.map((block) => {
    const held = new Map<number, Carry[]>();
    for (const carry of block.carries) {
      const home = homes.of(carry.id);
      if (home !== undefined) append(held, home, carry);
    }
    return held;
  });
  return {
    updates: (shard) => updates.get(shard) ?? [],
    carries: (shard, block) => carries[block]?.get(shard) ?? [],
  };
}
