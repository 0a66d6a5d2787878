/**
 * ed25519 (RFC 8032) in tweetnacl's format: public keys of 32 bytes, secret keys of 64 (seed, then public key),
 * detached signatures of 64. `node:crypto` is a hundred times as fast; tweetnacl stands in where it is not there.
 */
import {
  createPrivateKey,
  createPublicKey,
  sign as cryptoSign,
  verify as cryptoVerify,
  type KeyObject,
} from 'node:crypto';
import nacl from 'tweetnacl';

export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** One implementation; all give the same bytes and the same verdicts. */
export interface Ed25519 {
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
  verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
}

/** Bytes of DER before a seed (PKCS 8) and before a public key (SPKI); RFC 8410. */
const PRIVATE_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
/** Order of the group: a signature's second half has to be below it, or anyone could make a second valid one. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const KEPT_KEYS = 4096;
const privateKeys = new Map<string, KeyObject>();
const publicKeys = new Map<string, KeyObject>();

export const nodeEd25519: Ed25519 = {
  sign: (message, secretKey) => new Uint8Array(cryptoSign(null, message, privateKey(secretKey))),
  verify(message, signature, publicKey) {
    if (!wellFormed(signature, publicKey)) return false;
    try {
      return cryptoVerify(null, message, publicKeyObject(publicKey), signature);
    } catch {
      return false; // no point of the curve
    }
  },
};

export const naclEd25519: Ed25519 = {
  sign: (message, secretKey) => nacl.sign.detached(message, secretKey),
  verify: (message, signature, publicKey) =>
    wellFormed(signature, publicKey) && nacl.sign.detached.verify(message, signature, publicKey),
};

/** The faster one that works here: some builds of Node come without the curve. */
export const ed25519: Ed25519 = worksHere(nodeEd25519) ? nodeEd25519 : naclEd25519;

export function newKeyPair(): KeyPair {
  return nacl.sign.keyPair();
}

/** @param seed 32 bytes */
export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  return nacl.sign.keyPair.fromSeed(seed);
}

function wellFormed(signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  // Below 2^252, as all but a few are: no large number is made.
  if ((signature[63] as number) < 0x10) return true;
  let second = 0n;
  for (let i = 63; i >= 32; i--) second = (second << 8n) | BigInt(signature[i] as number);
  return second < ORDER;
}

function privateKey(secretKey: Uint8Array): KeyObject {
  const seed = Buffer.from(secretKey.subarray(0, 32));
  return remembered(privateKeys, seed.toString('hex'), () =>
    createPrivateKey({ key: Buffer.concat([PRIVATE_HEAD, seed]), format: 'der', type: 'pkcs8' }),
  );
}

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const bytes = Buffer.from(publicKey);
  return remembered(publicKeys, bytes.toString('hex'), () =>
    createPublicKey({ key: Buffer.concat([PUBLIC_HEAD, bytes]), format: 'der', type: 'spki' }),
  );
}

/** Parsing a key costs as much as using it. */
function remembered(known: Map<string, KeyObject>, name: string, make: () => KeyObject): KeyObject {
  const found = known.get(name);
  if (found) return found;
  if (known.size >= KEPT_KEYS) known.clear();
  const made = make();
  known.set(name, made);
  return made;
}

function worksHere(implementation: Ed25519): boolean {
  try {
    const { publicKey, secretKey } = keyPairFromSeed(new Uint8Array(32));
    const message = Uint8Array.of(1, 2, 3);
    return implementation.verify(message, implementation.sign(message, secretKey), publicKey);
  } catch {
    return false;
  }
}
