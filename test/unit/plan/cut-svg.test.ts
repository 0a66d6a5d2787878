import { describe, expect, it } from 'vitest';
import { cutToDot, isSmall } from '../../../compiler/8-plan/cut-svg.ts';
import type { Plan } from '../../../spec/plan.ts';

const shard = (id: number, nodes: readonly string[]): Partial<Plan['shards'][number]> => ({ id, nodes, memory: 2048 });
const plan = (...shards: (readonly string[])[]): Plan =>
  ({ model: 'm', shards: shards.map((nodes, id) => shard(id, nodes)), borders: [] }) as unknown as Plan;

describe('a picture of a small cut network', () => {
  const dot = cutToDot(plan(['a', 'b/0'], ['b/1']), [{ from: 'a', to: 'b' }]);

  it('has a prediction and an error for every pair of pieces that a link joins', () => {
    expect(dot).toContain('"a" -> "b/0" [penwidth=1]');
    expect(dot).toMatch(/"b\/0" -> "a" \[penwidth=1 style=dashed/);
  });

  it('draws arrows that cross a border heavier', () => {
    expect(dot).toContain('"a" -> "b/1" [penwidth=2.6]');
  });

  it('is drawn neither for one shard nor for many pieces', () => {
    const names = Array.from({ length: 30 }, (_, i) => `n${i}`);
    expect(isSmall(plan(['a', 'b']))).toBe(false);
    expect(isSmall(plan(['a'], ['b']))).toBe(true);
    expect(isSmall(plan(['a'], names))).toBe(false);
  });
});
