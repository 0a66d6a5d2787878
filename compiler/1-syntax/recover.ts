/**
 * Reading a file that has mistakes: it is cut into statements by lines and words, and each is read by the grammar on
 * its own, so one mistake costs one message and one statement. Only used when the grammar has refused the whole file,
 * so that line breaks mean nothing in files without mistakes.
 */
import type { IToken } from 'chevrotain';
import { type Code, type Details, diagnostic } from '../diagnostics/codes.ts';
import type { Diagnostic, Span } from '../diagnostics/diagnostic.ts';
import type { Declaration, DefinitionStatement, Import, ModelStatement, TaskStatement } from './ast.ts';
import { balance, isTooDeep, MAX_NESTING } from './brackets.ts';
import { type Body, type BodyKind, bodyKind, type Head, toDeclaration, tokenSpan } from './build-ast.ts';
import { EOF } from './chevrotain.ts';
import type { FileParts, PcnParser } from './grammar.ts';
import { type Lexed, NO_SEMICOLON } from './lex.ts';
import { explain } from './messages.ts';
import { Lines } from './statement-lines.ts';
import * as t from './tokens.ts';
import { correctWord, isLoop, unknownWord } from './unknown-word.ts';

export { isTooDeep };

export interface Recovered {
  readonly parts: FileParts;
  readonly diagnostics: readonly Diagnostic[];
}

/** More mistakes than this are not looked for. */
const ENOUGH = 150;

export function recover(parser: PcnParser, lexed: Lexed, text: string, file: string): Recovered {
  return new Recovery(parser, lexed, text, file).run();
}

class Recovery {
  readonly #parser: PcnParser;
  readonly #lexed: Lexed;
  readonly #file: string;
  readonly #tokens: readonly IToken[];
  readonly #lines: Lines;
  readonly #diagnostics: Diagnostic[] = [];
  readonly #imports: Import[] = [];
  readonly #declarations: Declaration[] = [];
  #version: IToken | undefined;
  readonly #stumbles: readonly number[];
  /** Statements that failed where something had been reported already. */
  #silent = 0;
  #next = 0;

  constructor(parser: PcnParser, lexed: Lexed, text: string, file: string) {
    this.#parser = parser;
    this.#lexed = lexed;
    this.#file = file;
    this.#tokens = lexed.tokens;
    this.#lines = new Lines(lexed.tokens, text);
    this.#stumbles = stumblingOffsets(lexed.diagnostics);
  }

  run(): Recovered {
    while (this.#next < this.#tokens.length && !this.#hasEnough()) this.#topLevel();
    const imports = this.#imports;
    const declarations = this.#declarations;
    const version = this.#version;
    return {
      parts: { imports, declarations, ...(version === undefined ? {} : { version }) },
      diagnostics: this.#diagnostics,
    };
  }

  #hasEnough(): boolean {
    return this.#diagnostics.length + this.#silent >= ENOUGH;
  }
  #report(code: Code, span: Span, reason: string, details: Details = {}): void {
    this.#diagnostics.push(diagnostic(code, span, reason, details));
  }
  #token(index: number): IToken | undefined {
    return this.#tokens[index];
  }
  #spanOf(from: number, to: number): Span {
    const first = this.#token(from);
    const last = this.#token(Math.max(from, to - 1));
    const start = first?.startOffset ?? 0;
    return { file: this.#file, start, end: Math.max(start, (last?.startOffset ?? 0) + (last?.image.length ?? 0)) };
  }

  // ---------------------------------------------------------------- top level
  #topLevel(): void {
    const token = this.#token(this.#next);
    if (token === undefined) return;
    const type = token.tokenType;
    if (type === t.RightBrace) this.#strayBrace();
    else if (type === t.Pcn && this.#next === 0) this.#header();
    else if (type === t.ImportWord) this.#importLine();
    else if (type === t.CheckWord) this.#check();
    else if (this.#lines.isDeclarationWord(token)) this.#declaration(token);
    else this.#unknownTopLevel(token);
  }

  #strayBrace(): void {
    this.#report('syntax/unexpected', this.#spanOf(this.#next, this.#next + 1), 'no `{` is open here', {
      repair: 'delete this `}`, or look for a `}` too many above',
    });
    while (this.#token(this.#next)?.tokenType === t.RightBrace) this.#next++;
  }

  #header(): void {
    const number = this.#token(this.#next + 1);
    const complete = number?.tokenType === t.NumberToken;
    if (complete) this.#version = number;
    this.#next += complete ? 2 : 1;
  }

  #importLine(): void {
    const start = this.#next;
    const end = this.#lines.lineEnd(start);
    const found = this.#parseChunk(start, end, () => this.#parser.importLine());
    if (found !== undefined) this.#imports.push(found);
    if (found !== undefined && this.#declarations.length > 0) {
      this.#report('syntax/import-order', found.span, 'this import follows a declaration', {
        repair: 'move it up, behind `pcn 1`',
      });
    }
    this.#next = end;
  }

  #check(): void {
    const end = this.#lines.statementEnd(this.#next, 'top', 0);
    const found = this.#parseChunk(this.#next, end, () => this.#parser.check());
    if (found !== undefined) this.#declarations.push(found);
    this.#next = end;
  }

  #unknownTopLevel(token: IToken): void {
    const start = this.#next;
    const corrected = correctWord(token, 'top');
    if (!this.#hasLexicalError(start, start + 1))
      this.#diagnostics.push(unknownWord(token, 'top', corrected, this.#file));
    if (corrected !== undefined && this.#lines.isDeclarationWord(corrected)) {
      this.#declaration(corrected);
      return;
    }
    const end = token.tokenType === t.LeftBrace ? start : this.#lines.statementEnd(start, 'top', 0);
    this.#next = this.#token(end)?.tokenType === t.LeftBrace ? this.#lines.blockEnd(end) : end;
  }

  // ---------------------------------------------------------------- declarations with a body
  #declaration(first: IToken): void {
    const start = this.#next;
    const braceOrEnd = this.#lines.headEnd(start);
    const hasBrace = this.#token(braceOrEnd)?.tokenType === t.LeftBrace;
    const head =
      this.#parseChunk(start, braceOrEnd, () => this.#parseHead(first), first) ?? guessHead(first, this.#file);
    const kind = bodyKind(head);
    const doc = this.#lexed.docs.get(first.startOffset) ?? '';
    const mayStop = head.kind === 'definition' && head.what !== 'cluster';
    if (!hasBrace && (mayStop || !this.#lines.looksLikeBody(braceOrEnd, kind))) {
      if (!mayStop) this.#missingBrace(braceOrEnd, 'a body between `{` and `}`', 'add `{ … }`');
      this.#next = Math.max(braceOrEnd, start + 1);
      this.#declarations.push(toDeclaration(head, undefined, doc, this.#spanOf(start, this.#next)));
      return;
    }
    if (!hasBrace) this.#missingBrace(braceOrEnd, '`{`', 'open the body with `{` at the end of this line');
    this.#next = hasBrace ? braceOrEnd + 1 : braceOrEnd;
    const body = this.#body(kind, start, hasBrace ? braceOrEnd : undefined);
    this.#declarations.push(toDeclaration(head, body, doc, this.#spanOf(start, this.#next)));
  }

  #parseHead(first: IToken): Head {
    const type = first.tokenType;
    if (type === t.ModelWord || type === t.ClusterWord) return this.#parser.modelOrClusterHead();
    if (type === t.TrainWord || type === t.PredictWord || type === t.ScheduleWord)
      return this.#parser.taskOrScheduleHead();
    return this.#parser.definitionHead();
  }

  #missingBrace(index: number, what: string, repair: string): void {
    if (this.#diagnostics.at(-1)?.span.start === this.#endOf(index).start) return;
    this.#report('syntax/expected', this.#endOf(index), `expected ${what}`, { repair });
  }

  /** The place just behind the token before `index`. */
  #endOf(index: number): Span {
    const last = this.#token(index - 1);
    const end = (last?.startOffset ?? 0) + (last?.image.length ?? 0);
    return { file: this.#file, start: end, end: end + 1 };
  }

  #body(kind: BodyKind, declaration: number, brace: number | undefined): Body {
    const model: ModelStatement[] = [];
    const task: TaskStatement[] = [];
    const definition: DefinitionStatement[] = [];
    const margin = this.#lines.column(declaration);
    for (;;) {
      const token = this.#token(this.#next);
      if (token === undefined || this.#lines.startsDeclaration(this.#next, margin)) {
        if (brace !== undefined) this.#unclosedBody(declaration, brace);
        break;
      }
      if (this.#hasEnough()) break;
      if (token.tokenType === t.RightBrace) {
        this.#next++;
        break;
      }
      if (token.tokenType === t.LeftBrace) {
        this.#strayBlock();
        continue;
      }
      const start = this.#next;
      const end = this.#lines.statementEnd(start, kind, margin);
      this.#next = end;
      const first = this.#checkFirstWord(start, kind);
      if (first === undefined) {
        this.#skipLoop(start);
        continue;
      }
      if (kind === 'model') model.push(...(this.#parseChunk(start, end, () => this.#parser.modelBody(), first) ?? []));
      else if (kind === 'task')
        task.push(...(this.#parseChunk(start, end, () => this.#parser.taskBody(), first) ?? []));
      else definition.push(...(this.#parseChunk(start, end, () => this.#parser.definitionBody(), first) ?? []));
    }
    return { model, task, definition };
  }

  #unclosedBody(declaration: number, brace: number): void {
    const name = this.#token(declaration + 1)?.image ?? '';
    const word = this.#token(declaration)?.image ?? '';
    const last = this.#next - 1;
    this.#report('syntax/unclosed', this.#spanOf(brace, brace + 1), `the body of \`${word} ${name}\` begins here`, {
      repair: 'close it with `}`',
      labels: last > brace ? [{ span: this.#endOf(this.#next), text: 'no `}` up to here' }] : undefined,
    });
  }

  /** The braces of a loop, which has been reported. */
  #skipLoop(start: number): void {
    const word = this.#token(start);
    if (word !== undefined && isLoop(word) && this.#token(this.#next)?.tokenType === t.LeftBrace)
      this.#next = this.#lines.blockEnd(this.#next);
  }

  #strayBlock(): void {
    this.#report('syntax/unexpected', this.#spanOf(this.#next, this.#next + 1), 'a block cannot stand here', {
      repair: 'leave out the braces',
    });
    this.#next = this.#lines.blockEnd(this.#next);
  }

  /** The word a statement begins with, corrected if it was misspelt; undefined when nothing can be made of it. */
  #checkFirstWord(start: number, kind: BodyKind): IToken | undefined {
    const token = this.#token(start);
    if (token === undefined || this.#lines.startsStatement(start, kind)) return token;
    const corrected = correctWord(token, kind, this.#token(start + 1));
    if (!this.#hasLexicalError(start, this.#next))
      this.#diagnostics.push(unknownWord(token, kind, corrected, this.#file, this.#token(start + 1)));
    return corrected;
  }

  // ---------------------------------------------------------------- one statement
  /** Reads the tokens from `start` to `end`; reports the first mistake only. */
  #parseChunk<T>(start: number, end: number, rule: () => T, first?: IToken): T | undefined {
    const chunk = this.#tokens.slice(start, end);
    const misspelt = first !== undefined && first !== chunk[0];
    if (misspelt && first !== undefined) chunk[0] = first;
    if (isTooDeep(chunk)) {
      const reason = `brackets may be nested ${MAX_NESTING} deep`;
      this.#report('syntax/too-deep', this.#spanOf(start, start + 1), reason, { repair: 'split the statement' });
      return undefined;
    }
    const balanced = balance(chunk, this.#file);
    this.#parser.begin(balanced.tokens, this.#file, this.#lexed.docs);
    const value = rule();
    const silent = misspelt || this.#hasLexicalError(start, end);
    if (balanced.diagnostic !== undefined) this.#diagnostics.push(balanced.diagnostic);
    else if (!silent) this.#reportFirst(chunk);
    return this.#parser.errors.some((error) => error.name !== 'NotAllInputParsedException') ? undefined : value;
  }

  #reportFirst(chunk: readonly IToken[]): void {
    this.#diagnostics.push(...this.#parser.found);
    const error = this.#parser.errors[0];
    if (error === undefined) return;
    const atEnd = error.token.tokenType === EOF;
    const index = atEnd ? chunk.length : chunk.indexOf(error.token);
    const { code, reason, repair } = explain(error, chunk.slice(0, Math.max(0, index)), chunk[index + 1]);
    const last = chunk.at(-1);
    const end = (last?.startOffset ?? 0) + (last?.image.length ?? 0);
    const span = atEnd ? { file: this.#file, start: end, end: end + 1 } : tokenSpan(error.token, this.#file);
    this.#report(code, span, reason.replace(/, found the end$/, ''), { repair });
  }

  /** Whether the tokenizer has reported something here that the grammar would stumble over again. */
  #hasLexicalError(start: number, end: number): boolean {
    const from = this.#token(start)?.startOffset ?? 0;
    const to = this.#token(end)?.startOffset ?? Number.POSITIVE_INFINITY;
    let low = 0;
    let high = this.#stumbles.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#stumbles[middle] ?? 0) < from) low = middle + 1;
      else high = middle;
    }
    const found = (this.#stumbles[low] ?? Number.POSITIVE_INFINITY) < to;
    if (found) this.#silent++;
    return found;
  }
}

/** Where the tokenizer found what the grammar cannot use either; numbers, units and `;` are not among them. */
function stumblingOffsets(diagnostics: readonly Diagnostic[]): number[] {
  const understood = (one: Diagnostic): boolean =>
    one.code === 'syntax/number' || one.code === 'syntax/unknown-unit' || one.reason === NO_SEMICOLON;
  return diagnostics
    .filter((one) => !understood(one))
    .map((one) => one.span.start)
    .sort((a, b) => a - b);
}

/** When a head could not be read, at least the names that can be. */
function guessHead(first: IToken, file: string): Head {
  const name = { text: '_', span: tokenSpan(first, file) };
  const type = first.tokenType;
  if (type === t.ModelWord) return { kind: 'model', name };
  if (type === t.TrainWord) return { kind: 'train', name, model: name };
  if (type === t.PredictWord) return { kind: 'predict', name, model: name };
  if (type === t.ScheduleWord) return { kind: 'schedule', name, model: name };
  return { kind: 'definition', what: type === t.ClusterWord ? 'cluster' : 'function', name, parameters: [] };
}
