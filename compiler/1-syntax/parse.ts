/** Stage 1: text to syntax tree. */
import { diagnostic } from '../diagnostics/codes.ts';
import type { Diagnostic, Result, Span } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from './ast.ts';
import { type FileParts, PcnParser } from './grammar.ts';
import { type Lexed, lex } from './lex.ts';
import { isTooDeep, recover } from './recover.ts';

/** In characters; a model of this length could not be read by a person. */
export const MAX_LENGTH = 4 * 1024 * 1024;
/** Diagnostics of one file; what is beyond is counted in one note. */
export const MAX_DIAGNOSTICS = 100;
export const VERSION = 1;

let parser: PcnParser | undefined;

/**
 * Never throws. The value always holds every statement that could be understood; mistakes are diagnostics with codes
 * `syntax/…`, in the order of the text.
 */
export function parse(text: string, file: string): Result<SourceFile> {
  const whole: Span = { file, start: 0, end: text.length };
  if (text.length > MAX_LENGTH) {
    const reason = `it has ${text.length} characters; at most ${MAX_LENGTH} are read`;
    const found = diagnostic('syntax/too-large', { ...whole, end: 1 }, reason, {
      repair: 'split it into modules and import them',
    });
    return { value: { file, imports: [], declarations: [], comments: [], span: whole }, diagnostics: [found] };
  }
  parser ??= new PcnParser();
  const lexed = lex(text, file);
  const { parts, diagnostics } = parseTokens(parser, lexed, text, file);
  const header = checkVersion(parts, lexed, whole);
  const value: SourceFile = {
    file,
    ...(parts.version === undefined || header !== undefined ? {} : { version: Number(parts.version.image) }),
    imports: parts.imports,
    declarations: parts.declarations,
    comments: lexed.comments,
    span: whole,
  };
  const all = [...lexed.diagnostics, ...diagnostics, ...(header === undefined ? [] : [header])];
  return { value, diagnostics: limit(all.sort((a, b) => a.span.start - b.span.start)) };
}

/** The grammar first; only a file with a mistake is taken apart and read in pieces. */
function parseTokens(
  grammar: PcnParser,
  lexed: Lexed,
  text: string,
  file: string,
): { parts: FileParts; diagnostics: readonly Diagnostic[] } {
  if (!isTooDeep(lexed.tokens)) {
    const parts = grammar.begin(lexed.tokens, file, lexed.docs).sourceFile();
    if (grammar.errors.length === 0) return { parts, diagnostics: grammar.found };
  }
  return recover(grammar, lexed, text, file);
}

function checkVersion(parts: FileParts, lexed: Lexed, whole: Span): Diagnostic | undefined {
  const { version } = parts;
  if (version?.image === String(VERSION)) return undefined;
  const repair = `begin the file with \`pcn ${VERSION}\``;
  if (version === undefined) {
    const first = lexed.tokens[0];
    const start = first?.startOffset ?? 0;
    const end = start + (first?.image.length ?? 0);
    return diagnostic('syntax/version', { ...whole, start, end }, `\`pcn ${VERSION}\` stands in its first line`, {
      repair,
    });
  }
  const place = { ...whole, start: version.startOffset, end: version.startOffset + version.image.length };
  const message = 'this version of the language is not known';
  return diagnostic('syntax/version', place, `this compiler reads version ${VERSION}`, { message, repair });
}

function limit(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const next = diagnostics[MAX_DIAGNOSTICS];
  if (next === undefined) return diagnostics;
  const reason = `only the first ${MAX_DIAGNOSTICS} are shown`;
  return [
    ...diagnostics.slice(0, MAX_DIAGNOSTICS),
    diagnostic('syntax/too-many', next.span, reason, { repair: 'repair these first' }),
  ];
}
