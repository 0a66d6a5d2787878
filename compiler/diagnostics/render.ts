/** Diagnostics for people: the line, the place under it, the reason, a repair, and where to read more. */
import { styleText } from 'node:util';
import type { Diagnostic, Severity, Span } from './diagnostic.ts';
import { cellWidth, excerpt } from './excerpt.ts';
import { LineTable, type Sources, textFrom } from './lines.ts';

export interface RenderOptions {
  readonly color?: boolean;
  /** Cells of the terminal; longer lines are clipped around the place. */
  readonly width?: number;
  /** Where a code is explained: a command. */
  readonly more?: (code: string) => string;
}

type Style = 'red' | 'yellow' | 'cyan' | 'bold' | 'dim';
type Paint = (style: Style, text: string) => string;

const SEVERITY_STYLE: Readonly<Record<Severity, Style>> = { error: 'red', warning: 'yellow', note: 'cyan' };

/**
 * All diagnostics and a summary line; empty when there are none.
 * @param sources texts of files; one without text is named but not shown
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: Sources,
  options: RenderOptions = {},
): string {
  if (diagnostics.length === 0) return '';
  const tables = new Map<string, LineTable | undefined>();
  const tableOf = (file: string): LineTable | undefined => {
    if (!tables.has(file)) {
      const text = textFrom(sources, file);
      tables.set(file, text === undefined ? undefined : new LineTable(text));
    }
    return tables.get(file);
  };
  const frames = diagnostics.map((one) => frame(one, tableOf, options));
  return `${frames.join('\n')}\n${summary(diagnostics)}\n`;
}

/** One diagnostic, without a line break at its end. */
export function render(diagnostic: Diagnostic, text: string, options: RenderOptions = {}): string {
  const table = new LineTable(text);
  return frame(diagnostic, (file) => (file === diagnostic.span.file ? table : undefined), options);
}

/** `1 error in 1 file`, `2 errors, 1 warning in 2 files` */
export function summary(diagnostics: readonly Diagnostic[]): string {
  const counts = (['error', 'warning', 'note'] as const)
    .map((severity) => plural(diagnostics.filter((one) => one.severity === severity).length, severity))
    .filter((text) => !text.startsWith('0 '));
  const files = new Set(diagnostics.map((one) => one.span.file)).size;
  return `${counts.join(', ')} in ${plural(files, 'file')}`;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function frame(
  diagnostic: Diagnostic,
  tableOf: (file: string) => LineTable | undefined,
  options: RenderOptions,
): string {
  const paint: Paint =
    options.color === true ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
  const { code, severity, message, repair } = diagnostic;
  const style = SEVERITY_STYLE[severity];
  const table = tableOf(diagnostic.span.file);
  const labels = (diagnostic.labels ?? []).map((label) => ({ label, table: tableOf(label.span.file) }));
  const numbers = [numberWidth(diagnostic.span, table), ...labels.map((one) => numberWidth(one.label.span, one.table))];
  const gutter = Math.max(...numbers);
  const lines = [
    `${paint(style, `${severity}[${code}]`)}: ${paint('bold', message)}`,
    `${' '.repeat(gutter)}${paint('dim', '-->')} ${place(diagnostic.span, table)}`,
    ...marked(diagnostic.span, diagnostic.reason, '^', table, gutter, options, (text) => paint(style, text), paint),
  ];
  for (const { label, table: other } of labels) {
    if (label.span.file !== diagnostic.span.file) {
      lines.push(`${' '.repeat(gutter)}${paint('dim', '-->')} ${place(label.span, other)}`);
    }
    lines.push(...marked(label.span, label.text, '-', other, gutter, options, (text) => paint('cyan', text), paint));
  }
  const indent = ' '.repeat(gutter + 1);
  if (repair !== undefined) lines.push(`${indent}${paint('dim', '= try:')} ${repair}`);
  if (options.more) lines.push(`${indent}${paint('dim', '= more:')} ${options.more(code)}`);
  return lines.join('\n');
}

function numberWidth(span: Span, table: LineTable | undefined): number {
  return table === undefined ? 1 : String(table.position(span.start).line).length;
}

/** `broken.pcn:17:8` */
function place(span: Span, table: LineTable | undefined): string {
  if (table === undefined) return span.file;
  const { line, column } = table.position(span.start);
  return `${span.file}:${line}:${column}`;
}

/** The line and what is said under it. */
function marked(
  span: Span,
  text: string,
  mark: string,
  table: LineTable | undefined,
  gutter: number,
  options: RenderOptions,
  paintMark: (text: string) => string,
  paint: Paint,
): string[] {
  if (table === undefined) return [`${' '.repeat(gutter)} ${paint('dim', '|')} ${paintMark(text)}`];
  const from = table.position(span.start);
  const to = table.position(Math.max(span.end, span.start));
  const line = table.line(from.line);
  const endColumn = to.line === from.line ? to.column : line.length + 1;
  const shown = excerpt(line, from.column - 1, endColumn - 1, (options.width ?? 120) - gutter - 3);
  const bar = paint('dim', '|');
  const under = mark.repeat(Math.max(1, cellWidth(shown.marked)));
  return [
    `${String(from.line).padStart(gutter)} ${bar} ${shown.before}${shown.marked}${shown.after}`.trimEnd(),
    `${' '.repeat(gutter)} ${bar} ${' '.repeat(cellWidth(shown.before))}${paintMark(`${under} ${text}`)}`,
  ];
}
