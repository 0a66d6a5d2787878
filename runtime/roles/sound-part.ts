/** Whether a part of a snapshot is one that an honest owner of the shard may bring. */

import { isShare, metricCalled } from '../../spec/metrics.ts';
import { comparedNames } from '../../spec/names.ts';
import { allCalls, comparedAfter, isCut, lastChange } from '../training/calls.ts';
import { NOT_FINITE } from '../training/totals.ts';
import type { Part } from '../wire/messages.ts';
import { haltTarget } from './ending.ts';
import { beginsBehind } from './ownership.ts';
import type { RunState } from './synchronizer-state.ts';

type Brought = Pick<Part, 'shard' | 'calls' | 'hash' | 'totals'> & { readonly term?: number };

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
 * The state of a part is the one that the shard has signed behind the last call that changed it.
 * @returns `missing` where it has signed none, `later` where it has signed another one meanwhile
 */
export function commitmentProblem(
  run: RunState,
  { shard, calls, hash, term }: Brought,
): Lie | 'missing' | 'later' | undefined {
  const steps = lastChange(run.deployment, calls);
  // Where shards go on from term to term, the part alone may be signed; where both are, they are of the same state.
  if (run.deployment.schedule === 'async') {
    const said = term === run.term ? run.commits[shard] : undefined;
    return said?.calls === steps && said.hash !== hash ? otherState(said, hash) : undefined;
  }
  const known = steps <= beginsBehind(run) ? beganWith(run, shard) : run.commits[shard];
  // A manifest of an older version says no hashes.
  if (known === 'unknown') return undefined;
  if (!known || known.calls < steps) return 'missing';
  if (known.calls > steps) return 'later';
  if (known.hash === hash) return undefined;
  return otherState(known, hash);
}

function otherState(signed: { readonly calls: number; readonly hash: string }, hash: string): Lie {
  const evidence = `signed ${signed.hash} after ${signed.calls} calls, brought ${hash}`;
  return { what: 'part/commitment', evidence };
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
    const ofSome = metricCalled(evaluation.metric)?.ofSome;
    const of = ofSome ? (totals[names.of] ?? 0) : count;
    const answers = checks[i]?.columns.find((c) => c.name === evaluation.field);
    const size = answers?.shape.reduce((product, n) => product * n, 1) ?? 1;
    const there = comparedAfter(run.deployment, calls, i, size);
    if (count !== there) return { what: 'totals/count', evidence: `${names.count} is ${count} of ${there}` };
    // Pairs are most where half of all is of the class.
    const mostOf = ofSome === 'pairs' ? (count / 2) ** 2 : count;
    if (of < 0 || of > mostOf) return { what: 'totals/sum', evidence: `${names.of} is ${of} of ${count}` };
    const most = isShare(evaluation.metric) ? of : Number.POSITIVE_INFINITY;
    if (sum !== NOT_FINITE && (sum < 0 || sum > most))
      return { what: 'totals/sum', evidence: `${names.sum} is ${sum} of ${of}` };
  }
  return undefined;
}
