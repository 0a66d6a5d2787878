/** Keys as people copy them: the 32 bytes of a public key in base64url, 43 characters. */

export function keyText(publicKey: Uint8Array): string {
  return Buffer.from(publicKey).toString('base64url');
}

/** @returns nothing where it is not a key */
export function keyBytes(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) return undefined;
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  // The last character has two bits too many: only one spelling of a key is taken.
  return bytes.length === 32 && keyText(bytes) === text ? bytes : undefined;
}
