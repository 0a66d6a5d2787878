/**
 * Whether what a shard holds from one segment to the next is made before it is read. A state always has some content,
 * that of the batch before or zeros: a read that comes too early would go unnoticed.
 */
import { isHeldName } from '../../spec/names.ts';
import type { ProgramFunction } from '../../spec/program.ts';
import { runsIn, type ShardFunction } from '../../spec/schedule.ts';

/** @returns the first read that comes too early, or nothing; in a loop, it comes too early in the first repetition */
export function heldProblem(f: ShardFunction, segments: ReadonlyMap<string, ProgramFunction>): string | undefined {
  const made = new Set<string>();
  for (const name of runsIn([...f.stages, ...(f.after ?? [])])) {
    const segment = segments.get(name);
    if (!segment) continue;
    const early = readsOf(segment).find((id) => isHeldName(id) && !made.has(id));
    if (early !== undefined) return `${name} reads ${early} before anything has made it`;
    for (const { state } of segment.updates) made.add(state);
  }
  return undefined;
}

function readsOf({ blocks, updates, results }: ProgramFunction): string[] {
  return [
    ...blocks.flatMap(({ ops, carries }) => [...carries.map((c) => c.init), ...ops.flatMap((op) => op.args)]),
    ...updates.map((u) => u.value),
    ...results.map((r) => r.value),
  ];
}
