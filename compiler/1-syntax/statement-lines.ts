/** Where statements begin and end in a file with mistakes: judged by line starts, indentation and words. */
import type { IToken } from 'chevrotain';
import type { BodyKind } from './build-ast.ts';
import { tokenMatcher } from './chevrotain.ts';
import { isFirstOnLine } from './lex.ts';
import * as t from './tokens.ts';

export type Place = BodyKind | 'top';

/** Words that continue what is before them. */
const CONTINUING = new Set([t.And, t.Or, t.Not, t.When, t.Where, t.At, t.Along, t.On, t.Of]);
const OPENING = new Set([t.LeftParen, t.LeftBracket]);
const CLOSING = new Set([t.RightParen, t.RightBracket]);

/** The words that begin statements, by where they stand. */
export const STATEMENT_WORDS = {
  top: [
    t.ImportWord,
    t.ModelWord,
    t.ClusterWord,
    t.TrainWord,
    t.PredictWord,
    t.ScheduleWord,
    t.CheckWord,
    t.NodeWord,
    t.LinkWord,
    t.Optimizer,
    t.Rate,
    t.Method,
    t.Topology,
    t.Data,
    t.FunctionWord,
  ],
  model: [t.Param, t.Sense, t.NodeWord, t.LinkWord, t.ClusterWord, t.Expose],
  task: [t.Clamp, t.Start, t.Read, t.Validate],
  definition: [t.Weight, t.State, t.Let, t.Next, t.PredictWord, t.Energy, t.ValueWord, t.Field, t.Split],
} as const;

export class Lines {
  readonly #tokens: readonly IToken[];
  readonly #text: string;
  readonly #firsts: readonly boolean[];

  constructor(tokens: readonly IToken[], text: string) {
    this.#tokens = tokens;
    this.#text = text;
    this.#firsts = tokens.map((token) => isFirstOnLine(text, token.startOffset));
  }

  #at(index: number): IToken | undefined {
    return this.#tokens[index];
  }
  #isWord(index: number): boolean {
    const token = this.#at(index);
    return token !== undefined && tokenMatcher(token, t.AnyWord);
  }

  /** Distance of a token from the start of its line. */
  column(index: number): number {
    const offset = this.#at(index)?.startOffset ?? 0;
    let start = offset;
    while (start > 0 && this.#text[start - 1] !== '\n' && this.#text[start - 1] !== '\r') start--;
    return offset - start;
  }

  /** The first token of the next line, or a brace before it. */
  lineEnd(start: number): number {
    let i = start + 1;
    while (i < this.#tokens.length && !this.#firsts[i] && this.#at(i)?.tokenType !== t.RightBrace) i++;
    return i;
  }

  /** Just behind the `}` that closes the block opening at `start`. */
  blockEnd(start: number): number {
    let depth = 0;
    for (let i = start; i < this.#tokens.length; i++) {
      const type = this.#at(i)?.tokenType;
      if (i > start && this.startsDeclaration(i, 0)) return i;
      if (type === t.LeftBrace) depth++;
      if (type === t.RightBrace && --depth === 0) return i + 1;
    }
    return this.#tokens.length;
  }

  isDeclarationWord(token: IToken): boolean {
    return STATEMENT_WORDS.top.some(
      (type) => type === token.tokenType && type !== t.ImportWord && type !== t.CheckWord,
    );
  }

  /** Whether a declaration begins here, no further in than `margin`. */
  startsDeclaration(index: number, margin: number): boolean {
    const token = this.#at(index);
    if (token === undefined || !this.#firsts[index] || this.column(index) > margin) return false;
    const next = this.#at(index + 1)?.tokenType;
    const third = this.#at(index + 2)?.tokenType;
    if (token.tokenType === t.CheckWord || token.tokenType === t.ImportWord) return next !== t.Equals;
    if (!this.isDeclarationWord(token) || !this.#isWord(index + 1)) return false;
    const ambiguous =
      token.tokenType === t.NodeWord || token.tokenType === t.LinkWord || token.tokenType === t.ClusterWord;
    return !ambiguous || third === t.LeftParen || third === t.LeftBrace;
  }

  /** Whether a statement of such a body could begin with this token. */
  startsStatement(index: number, place: BodyKind): boolean {
    const token = this.#at(index);
    if (token === undefined) return false;
    const words: readonly unknown[] = STATEMENT_WORDS[place];
    if (words.includes(token.tokenType)) return true;
    return place === 'task' && this.#isWord(index) && this.#at(index + 1)?.tokenType === t.Equals;
  }

  /** Whether what follows a head without `{` is its body all the same. */
  looksLikeBody(index: number, place: BodyKind): boolean {
    return this.startsStatement(index, place) && !this.startsDeclaration(index, 0);
  }

  /** The `{` of a declaration's head, or where the head ends without one. */
  headEnd(start: number): number {
    let depth = 0;
    for (let i = start + 1; i < this.#tokens.length; i++) {
      const type = this.#at(i)?.tokenType;
      if (type === undefined || type === t.LeftBrace || type === t.RightBrace) return i;
      if (this.#firsts[i] && this.#endsHead(i, depth)) return i;
      if (OPENING.has(type)) depth++;
      if (CLOSING.has(type)) depth = Math.max(0, depth - 1);
    }
    return this.#tokens.length;
  }

  #endsHead(index: number, depth: number): boolean {
    const isSetting = this.#isWord(index) && this.#at(index + 1)?.tokenType === t.Equals;
    if (this.startsDeclaration(index, 0) || (isSetting && depth === 0)) return true;
    return (['model', 'task', 'definition'] as const).some((place) => this.#beginsLine(index, place));
  }

  /** A statement's first word followed by another word, or a setting: cannot be the inside of an expression. */
  #beginsLine(index: number, place: Place): boolean {
    const token = this.#at(index);
    if (token === undefined || !this.#isWord(index)) return false;
    const words: readonly unknown[] = STATEMENT_WORDS[place];
    const second = this.#at(index + 1);
    const secondIsPlain = second !== undefined && this.#isWord(index + 1) && !CONTINUING.has(second.tokenType);
    const isValidate = token.tokenType === t.Validate && second?.tokenType === t.On;
    return words.includes(token.tokenType) && (secondIsPlain || isValidate);
  }

  /** The end of the statement that begins at `start`. */
  statementEnd(start: number, place: Place, margin: number): number {
    let depth = 0;
    for (let i = start; i < this.#tokens.length; i++) {
      const type = this.#at(i)?.tokenType;
      if (type === undefined) break;
      if (i > start) {
        if (type === t.LeftBrace || type === t.RightBrace) return i;
        if (this.#firsts[i] && this.#breaksAt(i, depth, place, margin)) return i;
      }
      if (OPENING.has(type)) depth++;
      if (CLOSING.has(type)) depth = Math.max(0, depth - 1);
    }
    return this.#tokens.length;
  }

  #breaksAt(index: number, depth: number, place: Place, margin: number): boolean {
    const token = this.#at(index);
    const previous = this.#at(index - 1);
    if (token === undefined || previous === undefined) return false;
    if (this.startsDeclaration(index, margin) || this.#beginsLine(index, place)) return true;
    const isSetting = this.#isWord(index) && this.#at(index + 1)?.tokenType === t.Equals;
    const afterComma = previous.tokenType === t.Comma || OPENING.has(previous.tokenType);
    if (place === 'task' && isSetting && !(depth > 0 && afterComma)) return true;
    return depth === 0 && this.#isWord(index) && !CONTINUING.has(token.tokenType) && endsOperand(previous);
  }
}

function endsOperand(token: IToken): boolean {
  if (tokenMatcher(token, t.AnyWord)) return !CONTINUING.has(token.tokenType);
  return tokenMatcher(token, t.NumberToken) || tokenMatcher(token, t.StringToken) || CLOSING.has(token.tokenType);
}
