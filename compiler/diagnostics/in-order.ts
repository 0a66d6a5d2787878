import type { Diagnostic } from './diagnostic.ts';

/** The file's own diagnostics first, each file's from top to bottom. */
export function inOrder(diagnostics: readonly Diagnostic[], path: string): Diagnostic[] {
  const rank = (file: string): string => (file === path ? '' : file);
  return [...diagnostics].sort(
    (a, b) => compareText(rank(a.span.file), rank(b.span.file)) || a.span.start - b.span.start,
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
