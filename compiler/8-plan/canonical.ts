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
      out.write(scalarText(item));
      return;
    }
    let isFirst = true;
    // By UTF-16 code units, as the standard wants it and `sort` does it; what is undefined is left out.
    for (const name of inOrder(Object.keys(item))) {
      const field: unknown = (item as Readonly<Record<string, unknown>>)[name];
      if (field === undefined) continue;
      out.write(isFirst ? '{' : ',');
      out.write(JSON.stringify(name));
      out.write(':');
      visit(field);
      isFirst = false;
    }
    out.write(isFirst ? '{}' : '}');
  };
  visit(value);
  out.end();
}

const PLAIN = /^[ !#-[\]-~]*$/;

/** Short ways for what there are millions of. */
function scalarText(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return `"${value}"`;
  if (typeof value === 'number' && Number.isInteger(value)) return String(value);
  const text = canonicalize(value);
  if (text === undefined) throw new Error('a plan is always JSON');
  return text;
}

/** Sorts a few names where they are: the engine's sort makes copies. */
function inOrder(names: string[]): string[] {
  for (let i = 1; i < names.length; i++) {
    const name = names[i] as string;
    let at = i;
    for (; at > 0 && (names[at - 1] as string) > name; at--) names[at] = names[at - 1] as string;
    names[at] = name;
  }
  return names;
}

/** Characters that are encoded and handed on together. */
const PIECE = 1 << 16;

/** Texts, encoded as UTF-8 and handed on when there are enough of them. */
export function textInto(sink: Sink): { write(text: string): void; end(): void } {
  const encoder = new TextEncoder();
  let waiting = '';
  const end = (): void => {
    if (waiting.length > 0) sink(encoder.encode(waiting));
    waiting = '';
  };
  const write = (text: string): void => {
    waiting += text;
    if (waiting.length >= PIECE) end();
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
