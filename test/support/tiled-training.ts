/** A model cut into tiles, beside the same model on one machine: the same training but for the order of sums. */
import { expect } from 'vitest';
import { verify } from '../../compiler/5-program/verify.ts';
import type { ShardProgram } from '../../compiler/6-partition/shards/split.ts';
import { parseProgram, printProgram } from '../../spec/program-text.ts';
import { type Compiled, compileText, type Outcome, runShards } from './shards.ts';

/** Four batches of a few ticks each, sums of some tens of terms: far more than this would be a mistake. */
const BOUND = 1e-11;

/**
 * A model of one file, trained by IL for three ticks a batch of two.
 * @param name of the model and its data
 * @param body its nodes and links
 * @param sample the type of each field of a sample, by the node that it is clamped to
 */
export function smallSource(name: string, body: string, sample: Readonly<Record<string, string>>): string {
  const fields = Object.entries(sample).map(([node, type]) => `${node} = ${type}`);
  const clamps = Object.keys(sample).map((node) => `  clamp ${node} = sample.${node}`);
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model ${name} {
${body}
}

train il of ${name} on data.file("${name}.npz", ${fields.join(', ')}) {
${clamps.join('\n')}

  method    = learn.il(steps = 3, rate = 0.1)
  optimizer = learn.adamw(rate = 0.01)
  batch     = 2
  epochs    = 1
}
`;
}

export function smallModel(...of: Parameters<typeof smallSource>): Compiled {
  return compileText(smallSource(...of));
}

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
