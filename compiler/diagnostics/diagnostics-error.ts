/** Carries diagnostics to the top, where a command cannot go on without a sound model. */
import type { Diagnostic } from './diagnostic.ts';

export class DiagnosticsError extends Error {
  override readonly name = 'DiagnosticsError';
  readonly diagnostics: readonly Diagnostic[];
  /** Texts of the files that the diagnostics point into. */
  readonly sources: ReadonlyMap<string, string>;

  constructor(diagnostics: readonly Diagnostic[], sources: ReadonlyMap<string, string>) {
    super(diagnostics.map((d) => `${d.code}: ${d.message}`).join('; '));
    this.diagnostics = diagnostics;
    this.sources = sources;
  }
}
