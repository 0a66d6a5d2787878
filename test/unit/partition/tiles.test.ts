/** Nodes cut into tiles: the same training but for the order of sums, so within rounding of f64. */
import { readFileSync } from 'node:fs';
import { test, vi } from 'vitest';
import { compileText, runWhole, splitTiled } from '../../support/shards.ts';
import { expectAsWhole } from '../../support/tiled-training.ts';

vi.setConfig({ testTimeout: 60_000 });

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

test.each(cases)('%s trains in tiles as in one piece', async (name) => {
  await expectEqual(name, false);
});

test.each(cases)('%s trains in the same way with the weights of last tiles spread over the others', async (name) => {
  await expectEqual(name, true);
});

async function expectEqual(name: string, spread: boolean): Promise<void> {
  const compiled = compileText(readFileSync(`test/golden/${name}/model.pcn`, 'utf8'));
  const whole = await runWhole(compiled.program);
  for (const [shards, seed] of [
    [2, 0],
    [3, 1],
    [6, 2],
  ] as const) {
    const split = splitTiled(compiled, shards, seed, spread);
    await expectAsWhole(compiled, split, whole, name);
  }
}
