/** What wallets sign, and hashes as the Ethereum virtual machine makes them. */
import { secp256k1 } from '@noble/curves/secp256k1';
import { keccak_256 } from '@noble/hashes/sha3';
import { fromHex, hex } from '../wire/hash.ts';

/** Bytes before the address in the hash of a public key. */
const ADDRESS_FROM = 12;
/** What a wallet adds to the bit that tells two points from each other (EIP-191). */
const RECOVERY_FROM = 27;

export function keccak(...parts: readonly Uint8Array[]): Uint8Array {
  return keccak_256(Buffer.concat(parts));
}

/**
 * The address whose key has signed the text, as `personal_sign` of wallets does (EIP-191, version 0x45).
 * @returns lower-case; nothing where no key gives that signature, or where it is the second of two forms (EIP-2)
 */
export function walletOf(text: string, signature: string): string | undefined {
  const bytes = fromHex(signature.slice(2), 65);
  if (!bytes) return undefined;
  const message = new TextEncoder().encode(text);
  const head = new TextEncoder().encode(`\x19Ethereum Signed Message:\n${message.length}`);
  try {
    const signed = secp256k1.Signature.fromCompact(bytes.subarray(0, 64)).addRecoveryBit(
      (bytes[64] ?? 0) - RECOVERY_FROM,
    );
    if (signed.hasHighS()) return undefined;
    const point = signed.recoverPublicKey(keccak(head, message)).toRawBytes(false);
    return `0x${hex(keccak(point.subarray(1)).subarray(ADDRESS_FROM))}`;
  } catch {
    return undefined;
  }
}
