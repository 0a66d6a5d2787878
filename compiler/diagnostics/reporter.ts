/** Collects what a stage finds; the same code at the same place is said once. */
import { type Code, type Details, diagnostic } from './codes.ts';
import type { Diagnostic, Span } from './diagnostic.ts';

export class Reporter {
  readonly diagnostics: Diagnostic[] = [];
  readonly #said = new Set<string>();

  report(code: Code, span: Span, reason: string, details: Details = {}): void {
    const key = `${code} ${span.file} ${span.start} ${span.end}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    this.diagnostics.push(diagnostic(code, span, reason, details));
  }
}

/** "`a`, `b` and `c`". */
export function listNames(names: readonly string[], last = 'and'): string {
  const quoted = names.map((name) => `\`${name}\``);
  if (quoted.length <= 1) return quoted.join('');
  return `${quoted.slice(0, -1).join(', ')} ${last} ${quoted[quoted.length - 1]}`;
}
