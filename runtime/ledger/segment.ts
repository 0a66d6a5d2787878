/** Records from one seal to the next: what a seal says of all of them, and what shows one of them alone. */
import { fromHex, hex } from '../wire/hash.ts';
import { pathOf, rootBehind, rootOf } from '../wire/merkle.ts';
import type { Seal, SignedRecord } from './entry.ts';
import { sealHolds } from './signed.ts';

/** @param hashes of records in their order, in hexadecimal: hashes themselves are the leaves */
export function rootOfRecords(hashes: readonly string[]): string {
  return hex(rootOf(hashes.map(bytesOf)));
}

/** @param hashes of all records that the seal covers */
export function signedRecord(seal: Seal, hashes: readonly string[], sequence: number): SignedRecord {
  const path = pathOf(hashes.map(bytesOf), sequence - seal.from).map(hex);
  return { sequence, hash: hashes[sequence - seal.from] ?? '', path, seal };
}

/** Whether the key of the seal has signed that record. */
export function recordIsSigned({ sequence, hash, path, seal }: SignedRecord): boolean {
  const [leaf, beside] = [fromHex(hash, 32), path.map((text) => fromHex(text, 32))];
  if (!leaf || beside.some((each) => each === undefined)) return false;
  const count = seal.sequence - seal.from + 1;
  const root = rootBehind(leaf, sequence - seal.from, count, beside as Uint8Array[]);
  return root !== undefined && hex(root) === seal.records && sealHolds(seal);
}

function bytesOf(hash: string): Uint8Array {
  return fromHex(hash, 32) ?? new Uint8Array();
}
