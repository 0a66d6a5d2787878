/** What a contract that pays withdrawals needs of a ledger: a root, and for each address what proves its claim. */
import { keyBytes } from '../identity/key-text.ts';
import { hex } from '../wire/hash.ts';
import { claimLeaf, evmProof, evmTree } from './evm-tree.ts';
import type { LedgerState } from './state.ts';

export const SETTLEMENT_FORMAT = 'nmc/settlement/1';

export interface Settlement {
  readonly format: typeof SETTLEMENT_FORMAT;
  /** Not by anyone: neither the contract nor this file. */
  readonly audited: false;
  /** The mesh's key, as the ledger has it, and as the contract does. */
  readonly mesh: string;
  readonly meshBytes: string;
  /** The last record that it covers, and its hash. */
  readonly record: number;
  readonly head: string;
  readonly root: string;
  /** Tokens that were withdrawn, all together. */
  readonly total: string;
  /** Addresses whose signatures the mesh's contract asks for. */
  readonly settlers: readonly string[];
  readonly claims: readonly {
    readonly address: string;
    readonly cumulative: string;
    readonly proof: readonly string[];
  }[];
}

/** @returns nothing where nothing was withdrawn */
export function settlementOf({ withdrawn, settlers, opened, sequence, head }: LedgerState): Settlement | undefined {
  const claims = [...withdrawn].map(([address, cumulative]) => ({ address, cumulative }));
  if (claims.length === 0 || !opened) return undefined;
  const levels = evmTree(claims.map(claimLeaf));
  const [root = new Uint8Array()] = levels.at(-1) ?? [];
  const { mesh } = opened;
  return {
    ...{ format: SETTLEMENT_FORMAT, audited: false, mesh, meshBytes: `0x${hex(keyBytes(mesh) ?? new Uint8Array())}` },
    ...{ record: sequence, head, root: `0x${hex(root)}` },
    total: String(claims.reduce((sum, { cumulative }) => sum + cumulative, 0n)),
    settlers: [...settlers].sort(),
    claims: claims
      .sort((a, b) => (a.address < b.address ? -1 : 1))
      .map((claim) => ({
        address: claim.address,
        cumulative: String(claim.cumulative),
        proof: evmProof(levels, claimLeaf(claim)).map((hash) => `0x${hex(hash)}`),
      })),
  };
}

/** Of one contract: where it is, and which root it waits for. */
export interface Contract {
  readonly address: string;
  readonly chain: number;
  /** One more than its own. */
  readonly epoch: number;
  readonly round: number;
}

/** What a settler signs, for `eth_signTypedData_v4` of its wallet (EIP-712). */
export function rootTypedData({ meshBytes, root }: Settlement, { address, chain, epoch, round }: Contract) {
  return {
    domain: { name: 'NeuroMesh settlement', version: '1', chainId: chain, verifyingContract: address },
    primaryType: 'Root',
    types: {
      EIP712Domain: [
        { name: 'name', type: 'string' },
        { name: 'version', type: 'string' },
        { name: 'chainId', type: 'uint256' },
        { name: 'verifyingContract', type: 'address' },
      ],
      Root: [
        { name: 'mesh', type: 'bytes32' },
        { name: 'epoch', type: 'uint256' },
        { name: 'round', type: 'uint256' },
        { name: 'root', type: 'bytes32' },
      ],
    },
    message: { mesh: meshBytes, epoch, round, root },
  } as const;
}
