import { createHash, hash as hashOnce } from 'node:crypto';

/** Short texts are put together here: an object that hashes them takes longer than the hash. */
const short = new Uint8Array(256);

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(digestOf(parts));
}

function digestOf(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  if (bytes > short.length) {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest();
  }
  let at = 0;
  for (const part of parts) {
    short.set(part, at);
    at += part.length;
  }
  return hashOnce('sha256', short.subarray(0, bytes), 'buffer');
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** @returns nothing for what is not `length` bytes in lower-case hexadecimal */
export function fromHex(text: unknown, length: number): Uint8Array | undefined {
  if (typeof text !== 'string' || text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'hex'));
}
