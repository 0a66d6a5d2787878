/** Diagnostics on a stream, as wide and as colourful as it can be. */
import type { Diagnostic } from '../../../compiler/diagnostics/diagnostic.ts';
import type { Sources } from '../../../compiler/diagnostics/lines.ts';
import { renderDiagnostics } from '../../../compiler/diagnostics/render.ts';
import { nmc, withCommands } from '../../support/command-text.ts';

export function showDiagnostics(
  stream: NodeJS.WriteStream,
  diagnostics: readonly Diagnostic[],
  sources: Sources,
): void {
  if (diagnostics.length === 0) return;
  const isTerminal = stream.isTTY === true && process.env.TERM !== 'dumb';
  const color = isTerminal && !process.env.NO_COLOR;
  stream.write(
    renderDiagnostics(diagnostics, sources, {
      color,
      more: (code) => withCommands(nmc`explain ${code}`),
      ...(stream.columns > 0 ? { width: stream.columns } : {}),
    }),
  );
}
