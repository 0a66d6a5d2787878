/** `nmc check`: all mistakes of the given files, in one go. */
import { checkFile } from '../../../compiler/compile.ts';
import { type Diagnostic, hasErrors } from '../../../compiler/diagnostics/diagnostic.ts';
import { toJson } from '../../../compiler/diagnostics/json.ts';
import { toSarif } from '../../../compiler/diagnostics/sarif.ts';
import { fileHost } from '../../../compiler/host.ts';
import { emit } from '../../support/emit.ts';
import { EXIT } from '../shell/command.ts';
import { packageVersion } from '../shell/package-root.ts';
import { showDiagnostics } from '../shell/show-diagnostics.ts';
import { settings } from './compile-model.ts';
import type { CheckArguments } from './options.ts';

export default function (args: CheckArguments): number {
  const files = [...new Set(args.files)];
  const found: Diagnostic[] = [];
  const sources = new Map<string, string>();
  for (const file of files) {
    const { diagnostics, texts: read } = checkFile(fileHost(), file, { set: settings(args) });
    for (const [path, text] of read) sources.set(path, text);
    for (const d of diagnostics) if (!found.some((other) => sameDiagnostic(other, d))) found.push(d);
  }
  const failed = hasErrors(found);
  if (args.sarif) process.stdout.write(`${JSON.stringify(toSarif(found, sources, packageVersion()), null, 2)}\n`);
  else if (args.json) for (const d of toJson(found, sources)) emit({ ...d });
  else {
    showDiagnostics(process.stdout, found, sources);
    if (!failed) process.stdout.write(`${files.length === 1 ? files[0] : `${files.length} files`}: no errors\n`);
  }
  return failed ? EXIT.wrongInput : EXIT.done;
}

/** A module that two files import is reported once. */
function sameDiagnostic(a: Diagnostic, b: Diagnostic): boolean {
  return a.code === b.code && a.span.file === b.span.file && a.span.start === b.span.start && a.reason === b.reason;
}
