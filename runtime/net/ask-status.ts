/** The status of a mesh, whole, from its pages; what another process says of itself is held to what is shown of it. */
import { ask } from './ask.ts';
import type { Link } from './link.ts';
import type { MeshStatus, RunStatus, ShardStatus } from './mesh-status.ts';

/** Of one status: more than any mesh has, and a bound where the answers never end. */
const MAX_PAGES = 256;

/** @throws EnvironmentError `mesh/answer` where that is not a status; as `ask` does */
export async function askStatus(link: Pick<Link, 'ask'>): Promise<MeshStatus> {
  const first = await ask(link, { what: 'status' });
  let [page, pages] = [first, 1];
  const runs = new Map(first.runs.map((run) => [run.run, run]));
  const trainers = new Map(first.trainers.map((trainer) => [trainer.key, trainer]));
  while (page.next !== undefined && pages++ < MAX_PAGES) {
    const from = page.next;
    page = await ask(link, { what: 'status', from });
    for (const run of page.runs) runs.set(run.run, joined(runs.get(run.run), run));
    for (const trainer of page.trainers) trainers.set(trainer.key, trainer);
    if (page.next !== undefined && page.next <= from) break;
  }
  const { next: _next, ...rest } = first;
  return { ...rest, runs: [...runs.values()], trainers: [...trainers.values()], more: page.more };
}

/** Things move between two pages: a shard is as it was told last. */
function joined(before: RunStatus | undefined, run: RunStatus): RunStatus {
  if (!before) return run;
  const shards = new Map<number, ShardStatus>([...before.shards, ...run.shards].map((s) => [s.shard, s]));
  return { ...run, shards: [...shards.values()] };
}
