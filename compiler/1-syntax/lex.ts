/** Text to tokens: comments set aside, spellings of other languages understood and reported. */
import type { IToken } from 'chevrotain';
import { diagnostic } from '../diagnostics/codes.ts';
import type { Diagnostic, Span } from '../diagnostics/diagnostic.ts';
import type { Comment } from './ast.ts';
import { Lexer } from './chevrotain.ts';
import { checkNumber } from './literals.ts';
import { ALL_TOKENS, FOREIGN, ForeignWord, LooseNumber, LooseString, NumberToken, Semicolon } from './tokens.ts';

export interface Lexed {
  readonly tokens: IToken[];
  readonly comments: readonly Comment[];
  /** Doc text by the offset of the token it stands above. */
  readonly docs: ReadonlyMap<number, string>;
  readonly diagnostics: readonly Diagnostic[];
}

export const NO_SEMICOLON = 'a statement does not end with `;`';

let lexer: InstanceType<typeof Lexer> | undefined;

/** @param checked whether to look for mistakes in the tokens: a test does, commands have no time for it */
export function makeLexer(checked = false): InstanceType<typeof Lexer> {
  return new Lexer(ALL_TOKENS, { positionTracking: 'onlyOffset', skipValidations: !checked });
}

/** Never throws; every character is a token, a comment, a blank or a diagnostic. */
export function lex(text: string, file: string): Lexed {
  lexer ??= makeLexer();
  const span = (start: number, length: number): Span => ({ file, start, end: start + length });
  const result = lexer.tokenize(text);
  const diagnostics: Diagnostic[] = [];
  for (const error of result.errors) diagnostics.push(...unexpectedCharacters(text, error.offset, error.length, span));
  for (const token of result.groups.foreignComments ?? []) diagnostics.push(foreignComment(token, span));
  const tokens: IToken[] = [];
  for (const token of result.tokens) {
    const found = tokenDiagnostic(token, span(token.startOffset, token.image.length));
    if (found !== undefined) diagnostics.push(found);
    if (token.tokenType !== Semicolon) tokens.push(token);
  }
  const comments = (result.groups.comments ?? []).map((token) => toComment(token, span));
  diagnostics.push(...unprintable(text, diagnostics, span));
  return { tokens, comments, docs: docTexts(text, tokens, comments), diagnostics };
}

function toComment(token: IToken, span: (start: number, length: number) => Span): Comment {
  const doc = token.image.startsWith('///') && !token.image.startsWith('////');
  return { text: token.image, doc, span: span(token.startOffset, token.image.length) };
}

function tokenDiagnostic(token: IToken, at: Span): Diagnostic | undefined {
  const type = token.tokenType;
  if (type === NumberToken || type === LooseNumber) return checkNumber(token.image, at);
  if (type === LooseString) return looseString(token.image, at);
  if (type === Semicolon) {
    return diagnostic('syntax/foreign', at, NO_SEMICOLON, { repair: 'leave it out' });
  }
  if (type === ForeignWord) {
    const reason = 'names are made of the letters a to z, A to Z, digits and `_`';
    return diagnostic('syntax/unexpected-character', at, reason, { repair: 'spell the name with plain letters' });
  }
  const foreign = FOREIGN.get(token.image);
  if (foreign === undefined || foreign.token !== type) return undefined;
  const reason = `\`${token.image}\` is written \`${foreign.ours}\` here`;
  return diagnostic('syntax/foreign', at, reason, { repair: `\`${foreign.ours}\`` });
}

function looseString(image: string, at: Span): Diagnostic {
  if (image.startsWith('"')) {
    const reason = 'this text has no closing `"` on its line';
    return diagnostic('syntax/unclosed', at, reason, { repair: 'close the text with `"` on the same line' });
  }
  const inner = image.slice(1, -1);
  return diagnostic('syntax/string', at, 'a text must stand between straight double quotes', { repair: `"${inner}"` });
}

function foreignComment(token: IToken, span: (start: number, length: number) => Span): Diagnostic {
  const opening = token.image.startsWith('#') ? '#' : '/*';
  const firstLine = token.image.split(/[\r\n]/, 1)[0] ?? token.image;
  const reason = `\`${opening}\` does not begin a comment here`;
  const repair = 'begin every line of a comment with `//`';
  return diagnostic('syntax/foreign', span(token.startOffset, firstLine.length), reason, { repair });
}

function unexpectedCharacters(
  text: string,
  offset: number,
  length: number,
  span: (start: number, length: number) => Span,
): Diagnostic[] {
  const run = text.slice(offset, offset + length);
  const trimmed = run.trimEnd();
  const shown = [...trimmed].slice(0, 8).map(showCharacter).join(' ');
  const plural = [...trimmed].length === 1 ? 'is' : 'are';
  return [
    diagnostic(
      'syntax/unexpected-character',
      span(offset, Math.max(1, trimmed.length)),
      `${shown} ${plural} not part of the language`,
      {
        repair: 'delete it, or put it in a comment or between double quotes',
      },
    ),
  ];
}

function showCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const visible = code > 0x20 && code !== 0x7f && !(code >= 0x80 && code < 0xa0) && !(code >= 0xd800 && code < 0xe000);
  return visible ? `\`${character}\`` : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Characters that no text file should hold, wherever they stand: control characters and halves of surrogate pairs. */
function unprintable(
  text: string,
  known: readonly Diagnostic[],
  span: (start: number, length: number) => Span,
): Diagnostic[] {
  const found: Diagnostic[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  for (const match of text.matchAll(/[\0-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]+/gu)) {
    const { index } = match;
    if (known.some((d) => d.span.start < index + match[0].length && d.span.end > index)) continue;
    const reason = `${showCharacter([...match[0]][0] ?? '')} cannot be shown or saved as text`;
    found.push(
      diagnostic('syntax/unexpected-character', span(index, match[0].length), reason, { repair: 'delete it' }),
    );
    if (found.length > 100) break;
  }
  return found;
}

/** `///` lines that stand alone on their lines belong to the token that follows. */
function docTexts(text: string, tokens: readonly IToken[], comments: readonly Comment[]): Map<number, string> {
  const docs = new Map<number, string>();
  let next = 0;
  for (const comment of comments) {
    if (!comment.doc || !isFirstOnLine(text, comment.span.start)) continue;
    while (next < tokens.length && (tokens[next]?.startOffset ?? 0) < comment.span.start) next++;
    const token = tokens[next];
    if (token === undefined) break;
    const line = comment.text.replace(/^\/\/\/ ?/, '').trimEnd();
    const before = docs.get(token.startOffset);
    docs.set(token.startOffset, before === undefined ? line : `${before}\n${line}`);
  }
  return docs;
}

/** Only blanks stand before it on its line. */
export function isFirstOnLine(text: string, offset: number): boolean {
  for (let i = offset - 1; i >= 0; i--) {
    const c = text[i];
    if (c === '\n' || c === '\r') return true;
    if (c !== ' ' && c !== '\t' && c !== '\ufeff' && c !== '\u00a0' && c !== '\f') return false;
  }
  return true;
}
