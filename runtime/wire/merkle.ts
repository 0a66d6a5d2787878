/** Merkle trees (RFC 6962, 2.1: leaves and inner nodes are hashed apart): over the packets of a window, over accounts. */
import { sha256 } from './hash.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export function leafOf(packet: Uint8Array): Uint8Array {
  return sha256(LEAF, packet);
}

/** @param leaves hashes, in the order of the packets */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256();
  let level = leaves;
  while (level.length > 1) level = pairs(level);
  return level[0] as Uint8Array;
}

/** Hashes beside the way from one leaf up to the root, the lowest first: with them the leaf alone gives the root. */
export function pathOf(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  let [level, at] = [leaves, index];
  while (level.length > 1) {
    const beside = level[at % 2 === 0 ? at + 1 : at - 1];
    // An odd last one goes up as it is.
    if (beside) path.push(beside);
    level = pairs(level);
    at = Math.floor(at / 2);
  }
  return path;
}

/** @param count of all leaves. @returns nothing where the path does not have the length of the way */
export function rootBehind(
  leaf: Uint8Array,
  index: number,
  count: number,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  if (index < 0 || index >= count) return undefined;
  let [hash, at, width, used] = [leaf, index, count, 0];
  for (; width > 1; width = Math.ceil(width / 2), at = Math.floor(at / 2)) {
    if (at % 2 === 0 && at === width - 1) continue;
    const beside = path[used++];
    if (!beside) return undefined;
    hash = at % 2 === 0 ? sha256(NODE, hash, beside) : sha256(NODE, beside, hash);
  }
  return used === path.length ? hash : undefined;
}

/** Pairing neighbours and carrying an odd last one up gives the same tree as the RFC's largest power of two. */
function pairs(level: readonly Uint8Array[]): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (let i = 0; i + 1 < level.length; i += 2)
    next.push(sha256(NODE, level[i] as Uint8Array, level[i + 1] as Uint8Array));
  if (level.length % 2 === 1) next.push(level.at(-1) as Uint8Array);
  return next;
}
