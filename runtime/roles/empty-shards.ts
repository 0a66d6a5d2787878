/** Of a run of schedule `async` whose shards are not all computed: whether others go on, and who waits for whom. Pure. */
import type { Deployment } from '../wire/deployment.ts';
import type { RunState } from './synchronizer-state.ts';
import type { Work } from './work.ts';

/** Whether shards of the run train on where one of them is empty. */
export function goesOn({ deployment, phase, checkingFrom, empty = [] }: RunState): boolean {
  return (
    deployment.schedule === 'async' &&
    phase === 'running' &&
    checkingFrom === undefined &&
    empty.length < deployment.shards
  );
}

/**
 * Shards whose frames are not waited for: those that are empty, and those that rest, since all that they begin with, or
 * all that could tell them an error, is away: a neighbour that they feed, or the last label.
 */
export function awayOf({
  deployment: { needs },
  empty = [],
}: { readonly deployment: Pick<Deployment, 'needs'> } & Pick<RunState, 'empty'>): number[] {
  const away = new Set(empty);
  // Values of the data that others predict: without all of them there is no error that comes from outside.
  const targets = needs.flatMap(({ feeds = [], reads }, shard) =>
    feeds.length > 0 && (reads?.train.length ?? 0) > 0 ? [shard] : [],
  );
  const readers = needs.map((_, from) => needs.flatMap(({ feeds = [] }, to) => (feeds.includes(from) ? [to] : [])));
  const areAway = (shards: readonly number[]): boolean => shards.length > 0 && shards.every((shard) => away.has(shard));
  for (let before = -1; before < away.size; ) {
    before = away.size;
    if (areAway(targets)) return needs.map((_, shard) => shard);
    for (const [shard, { feeds = [] }] of needs.entries())
      if (areAway(feeds) || areAway(readers[shard] ?? [])) away.add(shard);
  }
  return [...away].sort((a, b) => a - b);
}

/** To all owners. */
export function tellAway(work: Work, run: RunState): void {
  const { lost = [] } = run;
  work.tell(run, { type: 'away', run: run.deployment.run, term: run.term, shards: awayOf(run), lost });
}
