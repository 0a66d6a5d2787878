/** The files of a plan in memory, as a mesh has them in blobs, or a compiler that has just made them. */
import { createHash } from 'node:crypto';
import type { PlanSource } from './plan-source.ts';

/** @param name for messages; @param files `plan.json` among them */
export function planInMemory(name: string, files: ReadonlyMap<string, Uint8Array>): PlanSource {
  return {
    name,
    find: (path) => {
      const bytes = files.get(path);
      if (!bytes) return undefined;
      return { size: bytes.length, read: () => ({ bytes, sha256: createHash('sha256').update(bytes).digest('hex') }) };
    },
  };
}
