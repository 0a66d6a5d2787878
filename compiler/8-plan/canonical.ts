/** Bytes that are the same on every machine: canonical JSON (RFC 8785) and SHA-256. */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Sink } from '../../spec/plan.ts';

export function canonicalJson(value: unknown): Uint8Array {
  return collected((sink) => writeCanonical(value, sink));
}

/** The same bytes a piece at a time: no text of all of it is ever made. */
export function writeCanonical(value: unknown, sink: Sink): void {
  const out = textInto(sink);
  const visit = (item: unknown): void => {
    if (Array.isArray(item)) {
      item.forEach((element: unknown, i) => {
        out.write(i === 0 ? '[' : ',');
        visit(element);
      });
      out.write(item.length === 0 ? '[]' : ']');
      return;
    }
    if (typeof item !== 'object' || item === null) {
      const text = canonicalize(item);
      if (text === undefined) throw new Error('a plan is always JSON');
      out.write(text);
      return;
    }
    // By UTF-16 code units, as the standard wants it and `sort` does it; what is undefined is left out.
    const fields = Object.entries(item).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [i, [name, field]] of fields.entries()) {
      out.write(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`);
      visit(field);
    }
    out.write(fields.length === 0 ? '{}' : '}');
  };
  visit(value);
  out.end();
}

/** Characters that are encoded and handed on together. */
const PIECE = 1 << 16;

/** Texts, encoded as UTF-8 and handed on when there are enough of them. */
export function textInto(sink: Sink): { write(text: string): void; end(): void } {
  const encoder = new TextEncoder();
  let waiting: string[] = [];
  let length = 0;
  const end = (): void => {
    if (length > 0) sink(encoder.encode(waiting.join('')));
    waiting = [];
    length = 0;
  };
  const write = (text: string): void => {
    waiting.push(text);
    length += text.length;
    if (length >= PIECE) end();
  };
  return { write, end };
}

/** All that is written, in one. */
export function collected(write: (sink: Sink) => void): Uint8Array {
  const pieces: Uint8Array[] = [];
  write((bytes) => {
    pieces.push(bytes);
  });
  const all = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
