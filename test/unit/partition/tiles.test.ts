/** Nodes cut into tiles: the same training but for the order of sums, so within rounding of f64. */
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { verify } from '../../../compiler/5-program/verify.ts';
import { parseProgram, printProgram } from '../../../spec/program-text.ts';
import { compileText, runShards, runWhole, splitTiled } from '../../support/shards.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Four batches of a few ticks each, sums of some tens of terms: far more than this would be a mistake. */
const BOUND = 1e-11;

const cases = [
  'cycle',
  'own-link',
  'precision',
  'rule-bp',
  'rule-fa-z-il',
  'rule-il',
  'rule-ipc',
  'rule-ipc-adam',
  'rule-nudged',
  'rule-z-il',
  'skip',
  'when',
];

test.each(cases)('%s', async (name) => {
  const compiled = compileText(readFileSync(`test/golden/${name}/model.pcn`, 'utf8'));
  const whole = await runWhole(compiled.program);
  for (const [shards, seed] of [
    [2, 0],
    [3, 1],
    [6, 2],
  ] as const) {
    const split = splitTiled(compiled, shards, seed);
    for (const shard of split) {
      verify(shard.program);
      expect(parseProgram(printProgram(shard.program))).toEqual(shard.program);
    }
    const parts = await runShards(compiled.program, split);
    parts.results.forEach((results, i) => {
      for (const [id, values] of Object.entries(whole.results[i] ?? {}))
        expectClose(results[id], values, `${name} ${id} ${shards}`);
    });
    for (const [id, values] of parts.states) expectClose(values, whole.states.get(id) ?? [], `${name} ${id} ${shards}`);
  }
});

function expectClose(got: ArrayLike<number> | undefined, wanted: ArrayLike<number>, what: string): void {
  expect(got?.length, what).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const [a, b] = [got?.[i] ?? Number.NaN, wanted[i] ?? 0];
    expect(Math.abs(a - b), `${what} [${i}]: ${a} and ${b}`).toBeLessThanOrEqual(BOUND * Math.max(1, Math.abs(b)));
  }
}
