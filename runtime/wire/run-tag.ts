/** How a run is named in the head of border packets: the first 16 bytes of its name's hash. */
import { sha256 } from './hash.ts';

export function runTag(run: string): Uint8Array {
  return sha256(new TextEncoder().encode(run)).subarray(0, 16);
}

export function isRunTag(tag: Uint8Array, run: string): boolean {
  return runTag(run).every((byte, i) => byte === tag[i]);
}
