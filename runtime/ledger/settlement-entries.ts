/**
 * Entries by which tokens leave a mesh, to be paid by a contract on an Ethereum chain. Off before the mesh has named a
 * settler. Addresses are lower-case.
 */
import type { Shape } from '../support/shape.ts';
import { at, key, positive, signature } from './entry-shapes.ts';

const address: Shape<string> = { schema: () => ({ type: 'string', pattern: '^0x[0-9a-f]{40}$' }) };
/** Of a secp256k1 key, as wallets make it (EIP-191): r, s and v. */
const walletSignature: Shape<string> = { schema: () => ({ type: 'string', pattern: '^0x[0-9a-f]{130}$' }) };

export const SETTLEMENT = {
  /** By the mesh and by the key behind the address: it signs roots of what was withdrawn. */
  settler: { at, address, wallet: walletSignature, sig: signature },
  /** By both keys: what the key withdraws from here on is paid to the address. */
  bound: { at, by: key, address, number: positive, wallet: walletSignature, sig: signature },
  /** These tokens are out of the mesh for good, and in the next root. */
  withdrawn: { at, by: key, tokens: positive, number: positive, sig: signature },
} as const;
