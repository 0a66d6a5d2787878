/** Diagnostics for programs: one flat object each. */
import type { Diagnostic, Severity } from './diagnostic.ts';
import { LineTable, type Sources, textFrom } from './lines.ts';

export interface JsonDiagnostic {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly reason: string;
  readonly repair: string | null;
  readonly file: string;
  /** All from 1; the end is the place behind the last character. */
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly labels: readonly JsonLabel[];
}
export interface JsonLabel extends Place {
  readonly file: string;
  readonly text: string;
}
interface Place {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** @param sources texts of files; without one places are 1:1 */
export function toJson(diagnostics: readonly Diagnostic[], sources: Sources): JsonDiagnostic[] {
  const placeOf = places(sources);
  return diagnostics.map((one) => ({
    code: one.code,
    severity: one.severity,
    message: one.message,
    reason: one.reason,
    repair: one.repair ?? null,
    file: one.span.file,
    ...placeOf(one.span),
    labels: (one.labels ?? []).map((label) => ({ file: label.span.file, ...placeOf(label.span), text: label.text })),
  }));
}

/** Lines and columns of spans, with one table a file. */
export function places(sources: Sources): (span: Diagnostic['span']) => Place {
  const tables = new Map<string, LineTable>();
  return ({ file, start, end }) => {
    const table = tables.get(file) ?? new LineTable(textFrom(sources, file) ?? '');
    tables.set(file, table);
    const from = table.position(start);
    const to = table.position(Math.max(start, end));
    return { line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
  };
}
