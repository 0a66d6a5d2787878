/** A model cut into tiles, beside the same model on one machine: the same training but for the order of sums. */
import { expect } from 'vitest';
import { verify } from '../../compiler/5-program/verify.ts';
import type { ShardProgram } from '../../compiler/6-partition/shards/split.ts';
import { parseProgram, printProgram } from '../../spec/program-text.ts';
import { type Compiled, type Outcome, runShards } from './shards.ts';

/** Four batches of a few ticks each, sums of some tens of terms: far more than this would be a mistake. */
const BOUND = 1e-11;

/** @param whole what one machine came to */
export async function expectAsWhole(
  { program }: Compiled,
  split: readonly ShardProgram[],
  whole: Outcome,
  what: string,
): Promise<void> {
  for (const shard of split) {
    verify(shard.program);
    expect(parseProgram(printProgram(shard.program))).toEqual(shard.program);
  }
  const parts = await runShards(program, split);
  parts.results.forEach((results, i) => {
    for (const [id, values] of Object.entries(whole.results[i] ?? {}))
      expectClose(results[id], values, `${what} ${id} ${split.length}`);
  });
  for (const [id, values] of parts.states)
    expectClose(values, whole.states.get(id) ?? [], `${what} ${id} ${split.length}`);
}

function expectClose(got: ArrayLike<number> | undefined, wanted: ArrayLike<number>, what: string): void {
  expect(got?.length, what).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const [a, b] = [got?.[i] ?? Number.NaN, wanted[i] ?? 0];
    expect(Math.abs(a - b), `${what} [${i}]: ${a} and ${b}`).toBeLessThanOrEqual(BOUND * Math.max(1, Math.abs(b)));
  }
}
