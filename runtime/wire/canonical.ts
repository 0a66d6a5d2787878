/** Canonical JSON (RFC 8785), so that both ends sign the same bytes. */
import canonicalize from 'canonicalize';

/** Lists within lists: no message of ours is half as deep. */
export const MAX_DEPTH = 64;

const encoder = new TextEncoder();
/** It is written as it is, but for what stands behind a backslash. */
const PLAIN = /^[ -~]*$/;

/** Of what this process has made. @throws where that is not JSON */
export function canonicalBytes(value: unknown): Uint8Array {
  const text = canonicalize(value);
  if (text === undefined) throw new Error('canonicalBytes: no JSON value');
  return encoder.encode(text);
}

/** The same of a list of texts and numbers: where they are plain, at once. @throws where that is not JSON */
export function canonicalList(values: readonly (string | number)[]): Uint8Array {
  return values.every(isPlain) ? encoder.encode(JSON.stringify(values)) : canonicalBytes(values);
}

function isPlain(value: string | number): boolean {
  return typeof value === 'number' ? Number.isFinite(value) : PLAIN.test(value);
}

/**
 * Of what came from outside. @returns nothing for what has no canonical form: numbers beyond all numbers (`1e999`),
 * half a character, and what is too deep
 */
export function canonicalOf(value: unknown): Uint8Array | undefined {
  if (!isWithin(value, MAX_DEPTH)) return undefined;
  try {
    return canonicalBytes(value);
  } catch {
    return undefined;
  }
}

function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  for (const part of Object.values(value)) if (!isWithin(part, depth - 1)) return false;
  return true;
}
