/**
 * Memory of trainers that runs have been given, where several synchronizers lead: one entry of all of them, which a leader
 * changes by compare-and-set before a placement is stored, and from which it is computed. So of two that place at the same
 * moment the second one learns what the first has given, and places again.
 */
import type { Allotment, Allotments, Phase, StoredRun } from './synchronizer-state.ts';

/** Work of a trainer. */
export interface Held {
  /** Bytes of shards. */
  readonly memory: number;
  /** Names of runs. */
  readonly runs: readonly string[];
}

/** In these a run has shards at trainers. */
const HOLDING: readonly Phase[] = ['preparing', 'running', 'halting'];

/** What the run holds; nothing in a phase in which it holds nothing. */
export function allotmentOf({ phase, term, owners, deployment }: StoredRun): Allotment | undefined {
  if (!HOLDING.includes(phase) || owners.length === 0) return undefined;
  const memory: Record<string, number> = {};
  for (const [shard, key] of owners.entries())
    if (key !== '') memory[key] = (memory[key] ?? 0) + (deployment.needs[shard]?.memory ?? 0);
  return { term, memory };
}

/** The entry with another line for this run. */
function withAllotment(all: Allotments, run: string, line: Allotment | undefined): Allotments {
  const { [run]: _before, ...others } = all;
  return line ? { ...others, [run]: line } : others;
}

/**
 * The entry behind a change. What gives no trainer more than the run has already is always to be had; what gives more, only
 * where it was computed from the entry as it is.
 * @param isNewest whether it was
 * @returns nothing where it is not to be had
 */
export function changed(
  all: Allotments,
  { run, line }: { readonly run: string; readonly line: Allotment | undefined },
  isNewest: boolean,
): Allotments | undefined {
  return isNewest || isWithin(line, all[run]) ? withAllotment(all, run, line) : undefined;
}

/** What a run holds while it goes from one placement to the next: the larger of both, of each trainer. */
export function between(before: Allotment | undefined, next: Allotment): Allotment {
  const memory: Record<string, number> = { ...next.memory };
  for (const [key, bytes] of Object.entries(before?.memory ?? {})) memory[key] = Math.max(bytes, memory[key] ?? 0);
  return { ...next, memory };
}

/** By trainer, what these runs hold. */
export function heldBy(all: readonly (readonly [run: string, line: Allotment | undefined])[]): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const [run, line] of all)
    for (const [key, bytes] of Object.entries(line?.memory ?? {})) {
      const { memory = 0, runs = [] } = held.get(key) ?? {};
      held.set(key, { memory: memory + bytes, runs: [...runs, run] });
    }
  return held;
}

/** Whether a line gives no trainer more than another one of the same run. */
export function isWithin(line: Allotment | undefined, before: Allotment | undefined): boolean {
  return Object.entries(line?.memory ?? {}).every(([key, bytes]) => bytes <= (before?.memory[key] ?? 0));
}
