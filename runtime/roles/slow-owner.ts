/**
 * A trainer that holds up all others of a run of schedule `async`: it is there, so it is waited for. Where it does so from
 * snapshot to snapshot, its shard goes to a trainer that is free and clearly faster; the others go on as they are.
 */
import { TRAIN } from '../../spec/names.ts';
import { secondsOfWork } from './batch-time.ts';
import { goesOn } from './empty-shards.ts';
import { candidates, reassign } from './ownership.ts';
import type { RunState } from './synchronizer-state.ts';
import type { Work } from './work.ts';

/** Snapshots in a row at which the same trainer limits. */
const LONG = 3;
/** Another one is taken to need so much of the time that this one was seen to need. */
const FASTER = 0.5;
/** Of its time in work; and of that of all others. */
const [BUSY, IDLE] = [0.8, 0.5];

/** Behind a snapshot. @returns whether its shard has moved; else the run as it is now */
export function moveSlow(work: Work, run: RunState): RunState | undefined {
  const slow = goesOn(run) ? slowShard(run) : undefined;
  const owner = slow === undefined ? undefined : run.owners[slow];
  if (slow === undefined || owner === undefined) return run.slow ? work.setRun(withoutSlow(run)) : run;
  const cuts = run.slow?.shard === slow && run.slow.owner === owner ? run.slow.cuts + 1 : 1;
  if (cuts >= LONG && isFasterThere(work, run, slow)) {
    const left = withoutSlow({ ...run, owners: run.owners.with(slow, '') });
    reassign(work, left, `shard ${slow} goes to a faster trainer`, ({ key }) => key !== owner);
    return undefined;
  }
  return work.setRun({ ...run, slow: { shard: slow, owner, cuts } });
}

function withoutSlow({ slow: _slow, ...run }: RunState): RunState {
  return run;
}

/** The one shard that works while all others wait, of a trainer that has no other of the run. */
function slowShard({ reports, owners, deployment, empty = [] }: RunState): number | undefined {
  if (empty.length > 0) return undefined;
  const busy = deployment.needs.map((_, shard) => reports[shard]?.busy ?? 1);
  const slow = busy.findIndex((share) => share >= BUSY);
  const others = busy.filter((_, shard) => shard !== slow);
  if (slow < 0 || others.length === 0 || others.some((share) => share > IDLE)) return undefined;
  return owners.filter((key) => key === owners[slow]).length === 1 ? slow : undefined;
}

/** By what its batches were seen to take here, and what another trainer says of itself. */
function isFasterThere(work: Work, run: RunState, shard: number): boolean {
  const { deployment, progress, reports, version, owners } = run;
  const needs = deployment.needs[shard];
  const seen = progress.measured[TRAIN];
  if (!needs?.work || !seen || seen.calls === 0) return false;
  const takes = ((seen.milliseconds / seen.calls) * (reports[shard]?.busy ?? 0)) / 1000;
  const { work: batch, memory } = needs;
  return candidates(work, run).some(
    (c) =>
      c.runs === 0 &&
      !owners.includes(c.key) &&
      c.capability.memory >= memory &&
      (version === undefined || c.version === version) &&
      secondsOfWork(batch, c.capability, false) < FASTER * takes,
  );
}
