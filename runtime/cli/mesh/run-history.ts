/** A run by the mesh's own word: whose shards they were in each term, where it began, and what its snapshots had. */
import { askLog } from '../../net/ask-log.ts';
import type { Link } from '../../net/link.ts';
import type { KnownOfRun } from '../../net/records/replay.ts';
import { askRun, type FetchedRun } from './fetch-run.ts';

export interface RunHistory {
  readonly run: FetchedRun;
  readonly known: KnownOfRun;
  /** Terms in which it was computed, and the calls behind which each began; the newest last. */
  readonly terms: readonly { readonly term: number; readonly calls: number }[];
}

/** @throws UserError `mesh/run`, `mesh/deployment` */
export async function historyOf(link: Link, name: string): Promise<RunHistory> {
  const run = await askRun(link, name);
  const owners = new Map<number, readonly string[]>();
  const terms: { readonly term: number; readonly calls: number }[] = [];
  for (let from = 0, records = await askLog(link, name, from); records.length > 0; ) {
    for (const { event } of records) {
      if (event?.event === 'epoch-of-owners' && event.keys) owners.set(event.epoch, event.keys);
      if (event?.event === 'running') terms.push({ term: event.epoch, calls: event.calls });
    }
    from = (records.at(-1)?.sequence ?? from) + 1;
    records = await askLog(link, name, from);
  }
  const known: KnownOfRun = {
    manifest: (shard, calls) => run.manifests.find((m) => m.calls === calls)?.byShard?.[shard]?.hash,
    owners: (term) => owners.get(term),
  };
  return { run, known, terms };
}
