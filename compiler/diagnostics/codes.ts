/**
 * Every diagnostic code there is: one row each, sorted by topic. A row needs a page `spec/diagnostics/<code>.md` and a
 * case `test/errors/<code>.pcn`; a test fails on a gap.
 */
import type { Diagnostic, Label, Severity, Span } from './diagnostic.ts';

export interface CodeRow {
  readonly severity: Severity;
  /** The default message: one line, no full stop, no user's names. */
  readonly title: string;
}

export const CODES = {
  // ---------------------------------------------------------------- syntax
  'syntax/assignment': { severity: 'error', title: '`=` gives a name a value; it does not compare' },
  'syntax/chained-comparison': { severity: 'error', title: 'comparisons do not chain' },
  'syntax/expected': { severity: 'error', title: 'something is missing here' },
  'syntax/foreign': { severity: 'error', title: 'this is written differently here' },
  'syntax/import-order': { severity: 'error', title: 'imports stand at the top of the file' },
  'syntax/number': { severity: 'error', title: 'this number cannot be read' },
  'syntax/spaced-unit': { severity: 'error', title: 'a unit is written directly behind its number' },
  'syntax/string': { severity: 'error', title: 'this text cannot be read' },
  'syntax/too-deep': { severity: 'error', title: 'this is nested too deeply' },
  'syntax/too-large': { severity: 'error', title: 'the file is too large' },
  'syntax/too-many': { severity: 'note', title: 'there are more mistakes' },
  'syntax/unclosed': { severity: 'error', title: 'this is never closed' },
  'syntax/unexpected': { severity: 'error', title: 'this cannot stand here' },
  'syntax/unexpected-character': { severity: 'error', title: 'this character has no meaning here' },
  'syntax/unknown-unit': { severity: 'error', title: 'there is no such unit' },
  'syntax/unknown-word': { severity: 'error', title: 'no statement begins with this word' },
  'syntax/version': { severity: 'error', title: 'the file does not say which version of the language it uses' },
} as const satisfies Readonly<Record<string, CodeRow>>;

export type Code = keyof typeof CODES;

export interface Details {
  /** Replaces the title of the code. */
  readonly message?: string;
  readonly repair?: string | undefined;
  readonly labels?: readonly Label[] | undefined;
}

/** A diagnostic with the severity and, unless given, the message of its code. */
export function diagnostic(code: Code, span: Span, reason: string, details: Details = {}): Diagnostic {
  const { severity, title } = CODES[code];
  return {
    code,
    severity,
    message: details.message ?? title,
    span,
    reason,
    ...(details.repair === undefined ? {} : { repair: details.repair }),
    ...(details.labels === undefined ? {} : { labels: details.labels }),
  };
}
