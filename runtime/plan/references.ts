/** Whether what `plan.json` says of shards, tiles, borders and machines is of shards and nodes that it has. */
import type { Plan, PlanBorder, PlanPredicted, PlanShard } from '../../spec/plan.ts';

/** @returns what is of nothing, or nothing */
export function referencesProblem({ shards, borders, predicted }: Plan): string | undefined {
  for (const [i, shard] of shards.entries()) {
    if (shard.id !== i) return `shard ${i} calls itself ${shard.id}`;
    const problem = tilesProblem(shard);
    if (problem !== undefined) return `shard ${i} ${problem}`;
  }
  const seen = new Set<string>();
  for (const border of borders) {
    const name = border.shards.join(' and ');
    const problem = seen.has(name) ? 'occurs twice' : borderProblem(border, shards.length);
    if (problem !== undefined) return `the border of ${name} ${problem}`;
    seen.add(name);
  }
  return predicted && predictedProblem(predicted, shards.length);
}

function tilesProblem({ nodes, tiles = [] }: PlanShard): string | undefined {
  const held = new Set(nodes);
  if (held.size !== nodes.length) return 'has a node twice';
  for (const { name, from, to } of tiles) {
    if (!held.delete(name)) return `cuts ${name}, which it does not have`;
    if (from >= to) return `has of ${name} the units from ${from} to ${to}`;
  }
  return undefined;
}

function borderProblem({ shards: [a, b], flows }: PlanBorder, count: number): string | undefined {
  if (!(a < b && b < count)) return 'is not between two shards, the lower first';
  const directions = flows.map(({ from, to }) => `${from} ${to}`);
  const possible = directions.every((d) => d === `${a} ${b}` || d === `${b} ${a}`);
  return possible && new Set(directions).size === directions.length ? undefined : 'has flows of others';
}

function predictedProblem({ machines, shards, limit }: PlanPredicted, count: number): string | undefined {
  if (machines.length !== count || shards.length !== count) return 'not every shard has a machine';
  const inside = limit.shard < count && (limit.to ?? 0) < count;
  return inside ? undefined : `its limit is shard ${limit.shard}, which does not exist`;
}
