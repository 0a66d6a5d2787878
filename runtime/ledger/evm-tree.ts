/**
 * The Merkle tree of what was withdrawn, as `MerkleProof` of OpenZeppelin's contracts checks it: leaves are hashed twice,
 * so that none is taken for two hashes side by side, and pairs are hashed in the order of their bytes, so that a proof
 * needs no positions.
 */
import { fromHex } from '../wire/hash.ts';
import { keccak } from './wallet.ts';

export interface Claim {
  /** Lower-case, with 0x. */
  readonly address: string;
  /** All tokens that were ever withdrawn to it. */
  readonly cumulative: bigint;
}

/** Bytes of a word of the machine. */
const WORD = 32;

/** keccak256(bytes.concat(keccak256(abi.encode(address, cumulative)))) */
export function claimLeaf({ address, cumulative }: Claim): Uint8Array {
  const words = new Uint8Array(2 * WORD);
  words.set(fromHex(address.slice(2), 20) ?? [], WORD - 20);
  words.set(Buffer.from(cumulative.toString(16).padStart(2 * WORD, '0'), 'hex'), WORD);
  return keccak(keccak(words));
}

/** Levels from the leaves, in the order of their hashes, to the root. */
export function evmTree(leaves: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const levels: Uint8Array[][] = [[...leaves].sort(Buffer.compare)];
  for (let level = levels[0] ?? []; level.length > 1; ) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [one, other] = [level[i], level[i + 1]];
      // Without another one beside it, it is taken as it is.
      if (one) above.push(other ? pairHash(one, other) : one);
    }
    levels.push(above);
    level = above;
  }
  return levels;
}

/** Hashes beside the way from a leaf to the root. */
export function evmProof(levels: ReturnType<typeof evmTree>, leaf: Uint8Array): readonly Uint8Array[] {
  let at = (levels[0] ?? []).findIndex((each) => Buffer.compare(each, leaf) === 0);
  if (at < 0) throw new Error('evmProof: the tree has no such leaf');
  const proof: Uint8Array[] = [];
  for (const level of levels.slice(0, -1)) {
    const beside = level[at % 2 === 0 ? at + 1 : at - 1];
    if (beside) proof.push(beside);
    at = Math.floor(at / 2);
  }
  return proof;
}

function pairHash(one: Uint8Array, other: Uint8Array): Uint8Array {
  return Buffer.compare(one, other) < 0 ? keccak(one, other) : keccak(other, one);
}
