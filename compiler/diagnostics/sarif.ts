/** Diagnostics as a SARIF 2.1.0 log (OASIS, 2020), for code review tools. */
import { CODES, type Code } from './codes.ts';
import type { Diagnostic, Severity, Span } from './diagnostic.ts';
import { places } from './json.ts';
import type { Sources } from './lines.ts';

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  note: 'note',
};

export interface SarifLog {
  readonly $schema: string;
  readonly version: '2.1.0';
  readonly runs: readonly object[];
}

/** @param version of the tool, as in package.json */
export function toSarif(diagnostics: readonly Diagnostic[], sources: Sources, version: string): SarifLog {
  const codes = [...new Set(diagnostics.map((one) => one.code))].sort();
  const placeOf = places(sources);
  const physical = (span: Span): object => {
    const { line, column, endLine, endColumn } = placeOf(span);
    return {
      artifactLocation: { uri: toUri(span.file) },
      region: { startLine: line, startColumn: column, endLine, endColumn },
    };
  };
  const results = diagnostics.map((one) => ({
    ruleId: one.code,
    ruleIndex: codes.indexOf(one.code),
    level: LEVELS[one.severity],
    message: {
      text: [`${one.message}: ${one.reason}`, ...(one.repair === undefined ? [] : [`Try: ${one.repair}`])].join('\n'),
    },
    locations: [{ physicalLocation: physical(one.span) }],
    ...(one.labels === undefined
      ? {}
      : {
          relatedLocations: one.labels.map((label, id) => ({
            id,
            physicalLocation: physical(label.span),
            message: { text: label.text },
          })),
        }),
  }));
  const rules = codes.map((code) => ({
    id: code,
    ...(isCode(code) ? { shortDescription: { text: CODES[code].title } } : {}),
  }));
  const driver = { name: 'nmc', version, rules };
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, columnKind: 'utf16CodeUnits', results }],
  };
}

function isCode(code: string): code is Code {
  return code in CODES;
}

/** A relative or absolute path as a URI reference. */
function toUri(file: string): string {
  const path = file.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
  if (/^[A-Za-z]%3A\//.test(path)) return `file:///${path.replace('%3A', ':')}`;
  return path.startsWith('/') ? `file://${path}` : path;
}
