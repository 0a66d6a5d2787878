/** How late frames of a run of schedule `async` come by what is measured now: their bound was chosen when it was deployed. */
import type { Deployment } from '../wire/deployment.ts';
import { placeOf } from './batch-time.ts';
import { type WayEnd, wayBetween } from './border-way.ts';

type End = WayEnd & { readonly capability: Parameters<typeof placeOf>[0] };

/**
 * @param ends owners by shard; nothing where one is not there
 * @returns ticks for which a frame of the slowest border is on its way; nothing where that cannot be told
 */
export function lateTicks(
  { needs, tick }: Pick<Deployment, 'needs' | 'tick'>,
  ends: readonly (End | undefined)[],
): number | undefined {
  if (!tick) return undefined;
  let way = 0;
  for (const [shard, { sends = [] }] of needs.entries())
    for (const { to, bytes, frames } of sends) {
      const [from, other] = [ends[shard], ends[to]];
      if (!from || !other) return undefined;
      if (placeOf(from.capability) === placeOf(other.capability)) continue;
      const { upload, download, delay } = wayBetween(from, other);
      const through = (rate: number): number => (rate > 0 ? bytes / Math.max(1, frames) / rate : 0);
      way = Math.max(way, delay + Math.max(through(upload), through(download)));
    }
  return Math.max(1, Math.ceil(way / tick));
}
