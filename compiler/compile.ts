/** The whole pipeline, one call per stage. */

import type { SourceFile } from './1-syntax/ast.ts';
import { loadProgram } from './2-names/load.ts';
import type { Program } from './2-names/program.ts';
import { resolve } from './2-names/resolve.ts';
import { type CheckOptions, check } from './3-check/check.ts';
import type { Checked } from './3-check/checked.ts';
import { withoutConsequences } from './3-check/consequences.ts';
import { type Diagnostic, hasErrors, type Result } from './diagnostics/diagnostic.ts';
import type { Host } from './host.ts';

export interface CheckedFile extends Result<Checked> {
  /** Undefined when a file could not be read or parsed. */
  readonly program: Program | undefined;
  readonly source: SourceFile | undefined;
  /** Of every file that was read, for showing diagnostics. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Reads a file with what it imports and checks it. The value is there only without errors. */
export function checkFile(host: Host, path: string, options: Omit<CheckOptions, 'namesResolved'> = {}): CheckedFile {
  const loaded = loadProgram(host, path);
  const { texts } = loaded;
  const program = loaded.value;
  if (program === undefined)
    return { value: undefined, diagnostics: loaded.diagnostics, program, source: undefined, texts };
  const names = resolve(program);
  const namesResolved = !hasErrors([...loaded.diagnostics, ...names]);
  const checked = check(program, { ...options, namesResolved });
  const diagnostics = inOrder(
    withoutConsequences([...loaded.diagnostics, ...names, ...checked.diagnostics], program.entry),
    path,
  );
  const value = hasErrors(diagnostics) ? undefined : checked.value;
  return { value, diagnostics, program, source: program.entry.source, texts };
}

/** The file's own diagnostics first, each file's from top to bottom. */
function inOrder(diagnostics: readonly Diagnostic[], path: string): Diagnostic[] {
  const rank = (file: string): string => (file === path ? '' : file);
  return [...diagnostics].sort(
    (a, b) => compareText(rank(a.span.file), rank(b.span.file)) || a.span.start - b.span.start,
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
