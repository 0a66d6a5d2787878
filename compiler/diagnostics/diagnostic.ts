/** The report of every stage: a code, a place, a reason and, where one exists, a repair. */

/** A half-open range of character offsets in one source file. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export type Severity = 'error' | 'warning' | 'note';

/** A second place that explains the first (the other clamp, the rest of the cycle). */
export interface Label {
  readonly span: Span;
  readonly text: string;
}

export interface Diagnostic {
  /** Stable, `topic/name`; a row of `codes.ts`, a page under `spec/diagnostics/`. */
  readonly code: string;
  readonly severity: Severity;
  /** One line that says what is wrong, without user's names where possible. */
  readonly message: string;
  readonly span: Span;
  /** Printed beside the underline: why it is wrong here. */
  readonly reason: string;
  /** Text to write instead. */
  readonly repair?: string;
  readonly labels?: readonly Label[];
}

export interface Result<T> {
  /** Present when later stages can go on, even if there were errors. */
  readonly value: T | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((d) => d.severity === 'error');
}
