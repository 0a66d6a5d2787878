/** Merkle root (RFC 6962, 2.1: leaves and inner nodes are hashed apart) over the packets of one window. */
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
  // Pairing neighbours and carrying an odd last one up gives the same tree as the RFC's largest power of two.
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2)
      next.push(sha256(NODE, level[i] as Uint8Array, level[i + 1] as Uint8Array));
    if (level.length % 2 === 1) next.push(level.at(-1) as Uint8Array);
    level = next;
  }
  return level[0] as Uint8Array;
}
