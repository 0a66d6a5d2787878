/** Whether a part of a snapshot is one that an honest owner of the shard may bring. */

import { comparedNames } from '../../spec/names.ts';
import { allCalls, batchesOf, callsPerEpoch, isCut, lastChange } from '../training/calls.ts';
import type { DataRef, Evaluation } from '../wire/deployment.ts';
import type { Part } from '../wire/messages.ts';
import { haltTarget } from './ending.ts';
import { beginsBehind } from './ownership.ts';
import type { RunState } from './synchronizer-state.ts';

type Brought = Pick<Part, 'shard' | 'calls' | 'hash' | 'totals'>;

export interface Lie {
  readonly what: string;
  readonly evidence: string;
}

/** Shards save at cuts, and where they were asked to stop. */
export function isExpected(run: RunState, { shard, calls }: Brought): boolean {
  const { deployment, phase, pausing } = run;
  if (calls > allCalls(deployment)) return false;
  if (isCut(deployment, calls)) return true;
  return phase === 'halting' && (calls === pausing[shard] || calls === haltTarget(run));
}

/**
 * The state of a part is the one that the shard has signed after its last weight step: evaluation changes none.
 * @returns `missing` where it has signed none, `later` where it has signed another one meanwhile
 */
export function commitmentProblem(
  run: RunState,
  { shard, calls, hash }: Brought,
): Lie | 'missing' | 'later' | undefined {
  const steps = lastChange(run.deployment, calls);
  const known = steps <= beginsBehind(run) ? beganWith(run, shard) : run.commits[shard];
  // A manifest of an older version says no hashes.
  if (known === 'unknown') return undefined;
  if (!known || known.calls < steps) return 'missing';
  if (known.calls > steps) return 'later';
  if (known.hash === hash) return undefined;
  return { what: 'part/commitment', evidence: `signed ${known.hash} after ${steps} calls, brought ${hash}` };
}

function beganWith(run: RunState, shard: number): { readonly calls: number; readonly hash: string } | 'unknown' {
  const manifest = run.manifests.at(-1);
  const steps = lastChange(run.deployment, beginsBehind(run));
  const known = manifest?.byShard?.[shard];
  return known ? { calls: steps, hash: known.hash } : 'unknown';
}

/** Sums are finite numbers that the shard may report, and count what there is to count. */
export function totalsProblem(run: RunState, { shard, calls, totals }: Brought): Lie | undefined {
  const { needs, evaluations, checks } = run.deployment;
  const may = needs[shard]?.totals;
  for (const [name, value] of Object.entries(totals)) {
    if (!Number.isFinite(value)) return { what: 'totals/number', evidence: `${name} is ${value}` };
    if (may && !may.includes(name)) return { what: 'totals/name', evidence: `${name} is not of shard ${shard}` };
  }
  for (const [i, evaluation] of evaluations.entries()) {
    const names = comparedNames(i);
    if (!may?.includes(names.count)) continue;
    const [count = 0, sum = 0] = [totals[names.count], totals[names.sum]];
    const there = countOf(run, calls, i, checks[i], evaluation);
    if (count !== there) return { what: 'totals/count', evidence: `${names.count} is ${count} of ${there}` };
    const most = evaluation.metric === 'accuracy' ? count : Number.POSITIVE_INFINITY;
    if (sum < 0 || sum > most) return { what: 'totals/sum', evidence: `${names.sum} is ${sum} of ${count}` };
  }
  return undefined;
}

/** Numbers compared in evaluation `i` of the epoch among the first `calls`. */
function countOf(
  run: RunState,
  calls: number,
  i: number,
  data: DataRef | undefined,
  { field, batch }: Evaluation,
): number {
  const { deployment } = run;
  const rest = calls === 0 ? 0 : ((calls - 1) % callsPerEpoch(deployment)) + 1;
  const batches = deployment.evaluations.map((e, at) => Math.ceil((deployment.checks[at]?.length ?? 0) / e.batch));
  const before = batchesOf(deployment) + batches.slice(0, i).reduce((sum, n) => sum + n, 0);
  const done = Math.max(0, Math.min(rest - before, batches[i] ?? 0));
  const size = data?.columns.find((c) => c.name === field)?.shape.reduce((product, n) => product * n, 1) ?? 1;
  return Math.min(done * batch, data?.length ?? 0) * size;
}
