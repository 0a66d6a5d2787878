/** How a run is named in the head of border packets: the first 16 bytes of its name's hash. */
import { sha256 } from './hash.ts';

export function runTag(run: string): Uint8Array {
  return sha256(new TextEncoder().encode(run)).subarray(0, 16);
}

/** Tags of runs that were asked for: every packet asks. */
const known = new Map<string, Uint8Array>();
const MAX_KNOWN = 1024;

export function isRunTag(tag: Uint8Array, run: string): boolean {
  let wanted = known.get(run);
  if (!wanted) {
    if (known.size >= MAX_KNOWN) known.clear();
    wanted = runTag(run);
    known.set(run, wanted);
  }
  return Buffer.compare(wanted, tag) === 0;
}
