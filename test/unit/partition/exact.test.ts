/** Small problems against the proven optimum. */
import { expect, test } from 'vitest';
import { partition } from '../../../compiler/6-partition/partition.ts';
import type { PartitionResult, Problem } from '../../../compiler/6-partition/problem.ts';
import { exactBottleneck, isPossible, longestTime } from '../../support/exact-bottleneck.ts';
import { randomProblem } from '../../support/random-partition-problem.ts';

/** `npm run accept -- partition-exact` asks for 200. */
const INSTANCES = Number(process.env.NMC_EXACT ?? 6);
const WITHIN = 1.05;
const SOLVER_SECONDS = 60;

/** From 4 pieces to 20, two to four machines that differ; some with little memory, some with links of their own. */
function instance(seed: number): Problem {
  const large = INSTANCES >= 100;
  return randomProblem(seed, {
    pieces: 4 + (seed % (large ? 17 : 9)),
    machines: 2 + (seed % 3),
    links: seed % 5 === 0,
    ...(seed % 4 === 1 ? { memoryUse: 0.7 } : {}),
  });
}

/** The optimum itself is found up to so many pieces: none of ours may be below it. */
const MAX_OPTIMAL = 8;

type Verdict = 'proven' | 'open' | { readonly wrong: string };

test(`the bottleneck is within 5 % of the optimum, ${INSTANCES} times`, { timeout: 3_600_000 }, async () => {
  const verdicts: Verdict[] = [];
  for (let seed = 1; seed <= INSTANCES; seed++) {
    const problem = instance(seed);
    const verdict = await judged(problem, partition(problem, { seed }));
    const shape = `seed ${seed}: ${problem.pieces.count} pieces, ${problem.machines.list.length} machines`;
    verdicts.push(typeof verdict === 'string' ? verdict : { wrong: `${shape}: ${verdict.wrong}` });
  }
  expect(verdicts.filter((v) => typeof v !== 'string')).toEqual([]);
  console.log(`${verdicts.filter((v) => v === 'proven').length} of ${INSTANCES} proven`);
  expect(verdicts.filter((v) => v === 'open')).toEqual([]);
});

/** HiGHS proves that nothing is better by 5 %, or that there is no assignment at all. */
async function judged(problem: Problem, ours: PartitionResult): Promise<Verdict> {
  if (ours.kind === 'impossible') {
    const any = await isPossible(problem, longestTime(problem), SOLVER_SECONDS);
    if (any === undefined) return 'open';
    return any ? { wrong: `no partition (${ours.reason}) where there is one` } : 'proven';
  }
  const { bottleneck } = ours.costs;
  const better = await isPossible(problem, bottleneck / WITHIN, SOLVER_SECONDS);
  if (better === undefined) return 'open';
  if (better) return { wrong: `${bottleneck} s, and 5 % less is possible` };
  if (problem.pieces.count > MAX_OPTIMAL) return 'proven';
  const exact = await exactBottleneck(problem, SOLVER_SECONDS);
  if (exact.kind === 'infeasible') return { wrong: 'a partition where there is none' };
  const below = exact.kind === 'optimal' && bottleneck < exact.bottleneck * (1 - 1e-5);
  return below ? { wrong: `${bottleneck} s, below the optimum of ${exact.bottleneck} s` } : 'proven';
}
