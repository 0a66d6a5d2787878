/** Canonical JSON (RFC 8785), so that both ends sign the same bytes. */
import canonicalize from 'canonicalize';

export function canonicalBytes(value: unknown): Uint8Array {
  const text = canonicalize(value);
  if (text === undefined) throw new Error('canonicalBytes: no JSON value');
  return new TextEncoder().encode(text);
}
