/**
 * What was tried of seeds, block by block, in files: whoever tries the same with the same code goes on behind it, so that many
 * seeds add up over several runs.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Seeds of a block. */
export const BLOCK = 5;

/** Something that is tried once for each seed, and what comes of it as JSON. */
export interface Tried {
  /** Unlike that of any other. */
  readonly name: string;
  /** Seeds that it needs, from 1. */
  readonly seeds: number;
  readonly of: (seed: number) => unknown;
}

/** By name: what came of its seeds, from 1 on, as many as there are. */
export type Found = ReadonlyMap<string, readonly unknown[]>;

export interface TryOptions {
  /** Where it is kept; absent: nowhere. */
  readonly folder?: string;
  /** Asked before each piece of work. */
  readonly isTimeUp?: () => boolean;
  readonly progress?: (line: string) => void;
}

/** Goes on with what was found before, a block of seeds of all of them and then the next one. */
export async function tryAll(all: readonly Tried[], options: TryOptions = {}): Promise<Found> {
  const { folder, isTimeUp = () => false, progress } = options;
  const found = new Map<string, unknown[]>(all.map(({ name }) => [name, []]));
  const most = Math.max(0, ...all.map(({ seeds }) => seeds));
  for (let first = 1; first <= most; first += BLOCK) {
    const path = folder === undefined ? undefined : join(folder, `${first}.json`);
    const kept = path === undefined ? {} : readKept(path);
    // All that is tried of one seed before the next one: much of it is the same.
    for (let seed = first; seed < first + BLOCK; seed++) {
      const before = countOf(kept);
      for (const { name, seeds, of } of all) {
        const own = kept[name] ?? [];
        if (seed > seeds || own.length !== seed - first || isTimeUp()) continue;
        kept[name] = [...own, await of(seed)];
      }
      if (countOf(kept) === before) continue;
      progress?.(`seed ${seed}`);
      if (path !== undefined) keep(path, kept);
    }
    // Of a block that was tried for more seeds, those that are asked for.
    for (const { name, seeds } of all)
      found.get(name)?.push(...(kept[name] ?? []).slice(0, Math.max(0, seeds - first + 1)));
    if (isTimeUp()) break;
  }
  return found;
}

function countOf(kept: Kept): number {
  return Object.values(kept).reduce((sum, values) => sum + values.length, 0);
}

type Kept = Record<string, unknown[]>;

function readKept(path: string): Kept {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept) : {};
}

/** A file that is whole, or as it was. */
function keep(path: string, kept: Kept): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify(kept));
  renameSync(`${path}.new`, path);
}
