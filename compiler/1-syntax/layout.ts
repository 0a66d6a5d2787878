/** Parts of the text that the syntax tree does not hold: comments, blank lines, and how numbers were spelt. */
import type { Comment, Definition, Expression, NumberLiteral, SourceFile } from './ast.ts';
import { bodyOf, headEnd, innerExpressions } from './ast-parts.ts';
import { isFirstOnLine } from './lex.ts';

/** Comments between the items of a bracketed list: each has a place before, and one behind, an item. */
export interface GapComments {
  /** Own lines before item i; at index n: before the closing bracket. */
  readonly before: readonly (readonly string[])[];
  /** Behind item i on its line; '' when there is none. */
  readonly behind: readonly string[];
}

export interface Layout {
  /** Where `pcn 1` ends, for the comment behind it; what stands above it is the lead of -1. */
  readonly headerEnd: number;
  number(literal: NumberLiteral): string;
  /** Own lines above the statement that begins at `start`; '' is a blank line. */
  lead(start: number, doc: string): readonly string[];
  blankBefore(start: number): boolean;
  /** The comment behind the statement that ends at `end`, or ''. */
  trailing(end: number): string;
  /** The comment behind the `{` of the declaration that begins at `start`, or ''. */
  opening(start: number): string;
  /** Own lines before the `}` that ends at `end`, or before the end of the file. */
  closing(end: number): readonly string[];
  gaps(owner: object): GapComments | undefined;
}

/** Canonical: docs from the tree, no other comments, no blank lines but those between declarations. */
export function plainLayout(): Layout {
  return {
    headerEnd: -1,
    number: (literal) => `${spell(literal.value)}${literal.unit ?? ''}`,
    lead: (_start, doc) => docLines(doc),
    blankBefore: () => false,
    trailing: () => '',
    opening: () => '',
    closing: () => [],
    gaps: (owner) => parameterDocs(owner),
  };
}

/** Whole numbers beyond the exact ones are read only with a point or an exponent. */
function spell(value: number): string {
  const text = String(value);
  return Number.isSafeInteger(value) || /[.e]/.test(text) ? text : `${text}.0`;
}

function docLines(doc: string): string[] {
  return doc === '' ? [] : doc.split('\n').map((line) => (line === '' ? '///' : `/// ${line}`));
}

function parameterDocs(owner: object): GapComments | undefined {
  if (!('parameters' in owner)) return undefined;
  const { parameters } = owner as Definition;
  if (parameters.every((one) => one.doc === '')) return undefined;
  return { before: [...parameters.map((one) => docLines(one.doc)), []], behind: parameters.map(() => '') };
}

/** The layout of a text without mistakes; every comment of it has exactly one place. */
export function sourceLayout(text: string, ast: SourceFile): Layout {
  return new SourceLayout(text, ast);
}

class SourceLayout implements Layout {
  headerEnd = 0;
  readonly #text: string;
  readonly #comments: readonly Comment[];
  readonly #byStart: ReadonlyMap<number, Comment>;
  readonly #leads = new Map<number, string[]>();
  readonly #blanks = new Set<number>();
  readonly #trails = new Map<number, string>();
  readonly #openings = new Map<number, string>();
  readonly #closings = new Map<number, string[]>();
  readonly #gapComments = new Map<object, GapComments>();

  constructor(text: string, ast: SourceFile) {
    this.#text = text;
    this.#comments = ast.comments;
    this.#byStart = new Map(ast.comments.map((one) => [one.span.start, one]));
    this.#place(ast);
  }

  number(literal: NumberLiteral): string {
    return this.#text.slice(literal.span.start, literal.span.end);
  }
  lead(start: number): readonly string[] {
    return this.#leads.get(start) ?? [];
  }
  blankBefore(start: number): boolean {
    return this.#blanks.has(start);
  }
  trailing(end: number): string {
    return this.#trails.get(end) ?? '';
  }
  opening(start: number): string {
    return this.#openings.get(start) ?? '';
  }
  closing(end: number): readonly string[] {
    return this.#closings.get(end) ?? [];
  }
  gaps(owner: object): GapComments | undefined {
    return this.#gapComments.get(owner);
  }

  // ---------------------------------------------------------------- placing
  #place(ast: SourceFile): void {
    let end = this.#header();
    this.headerEnd = end;
    for (const one of ast.imports) {
      this.#between(end, one.span.start, end);
      this.#hoist(one.span.start, one.span.end, one.span.start);
      end = one.span.end;
    }
    for (const one of ast.declarations) {
      this.#between(end, one.span.start, end);
      if (one.kind === 'definition') this.#parameterGaps(one);
      const brace = this.#brace(headEnd(one), one.span.end);
      this.#inside(one.span.start, brace ?? one.span.end, one.span.start, one);
      if (brace !== undefined) this.#block(one.span.start, brace, one.span.end, bodyOf(one));
      end = one.span.end;
    }
    this.#end(end, this.#text.length, end, Number.POSITIVE_INFINITY);
  }

  /** Comments before and inside `pcn 1`; its end. */
  #header(): number {
    const start = this.#skip(0);
    const number = this.#skip(start + 'pcn'.length);
    const end = number + (/^\d+/.exec(this.#text.slice(number, number + 20))?.[0].length ?? 0);
    this.#leads.set(-1, this.#ownLines(this.#within(0, end), undefined));
    return end;
  }

  /** The first character from `offset` on that is neither blank nor in a comment. */
  #skip(offset: number): number {
    let at = offset;
    for (;;) {
      while (at < this.#text.length && /\s|\ufeff/.test(this.#text.charAt(at))) at++;
      const comment = this.#byStart.get(at);
      if (comment === undefined) return at;
      at = comment.span.end;
    }
  }

  #brace(from: number, end: number): number | undefined {
    let at = this.#skip(from);
    while (at < end && this.#text.charAt(at) !== '{') at = this.#skip(at + 1);
    return at < end ? at : undefined;
  }

  #block(start: number, brace: number, end: number, body: ReturnType<typeof bodyOf>): void {
    let last = brace + 1;
    body.forEach((one, index) => {
      if (index === 0) this.#first(last, one.span.start, start);
      else this.#between(last, one.span.start, last);
      this.#inside(one.span.start, one.span.end, one.span.start, one);
      last = one.span.end;
    });
    if (body.length > 0) {
      this.#end(last, end - 1, last, end);
      return;
    }
    const found = this.#within(last, end - 1);
    this.#openings.set(start, this.#takeSameLine(found, last));
    this.#closings.set(end, this.#ownLines(found, undefined));
  }

  /** Between the `{` of a block and its first statement. */
  #first(from: number, next: number, declaration: number): void {
    const found = this.#within(from, next);
    this.#openings.set(declaration, this.#takeSameLine(found, from));
    this.#leads.set(next, this.#ownLines(found, next));
  }

  /** Between the end of one statement and the start of the next. */
  #between(from: number, next: number, trailKey: number): void {
    const found = this.#within(from, next);
    const trail = this.#takeSameLine(found, from);
    if (trail !== '') this.#trails.set(trailKey, trail);
    const start = trail === '' ? from : from + this.#text.slice(from).indexOf(trail) + trail.length;
    if (this.#isBlankBetween(start, found[0]?.span.start ?? next)) this.#blanks.add(next);
    this.#leads.set(next, this.#ownLines(found, next));
  }

  /** Between the last statement and what closes the block. */
  #end(from: number, to: number, trailKey: number, closingKey: number): void {
    const found = this.#within(from, to);
    const trail = this.#takeSameLine(found, from);
    if (trail !== '') this.#trails.set(trailKey, trail);
    const blank = found[0] !== undefined && this.#isBlankBetween(from, found[0].span.start);
    this.#closings.set(closingKey, [...(blank ? [''] : []), ...this.#ownLines(found, undefined)]);
  }

  /** Comments inside a statement: between the items of its brackets, or moved above it. */
  #inside(start: number, end: number, key: number, owner: object): void {
    const placed = new Set<Comment>();
    for (const expression of innerExpressions(owner)) this.#expressionGaps(expression, placed);
    if (this.#gapComments.has(owner)) {
      for (const one of this.#within(start, end)) if (this.#isInParameters(owner as Definition, one)) placed.add(one);
    }
    this.#hoist(start, end, key, placed);
  }

  #isInParameters(owner: Definition, comment: Comment): boolean {
    return comment.span.start >= owner.name.span.end;
  }

  #hoist(start: number, end: number, key: number, placed?: ReadonlySet<Comment>): void {
    const found = this.#within(start, end).filter((one) => placed?.has(one) !== true);
    if (found.length === 0) return;
    const lines = found.map((one) => one.text.trimEnd().replace(/^\/\/\/(?!\/)/, '//'));
    this.#leads.set(key, [...(this.#leads.get(key) ?? []), ...lines]);
  }

  #expressionGaps(expression: Expression, placed: Set<Comment>): void {
    const { start, end } = expression.span;
    if (this.#within(start, end).length === 0) return;
    if (expression.kind === 'call') {
      this.#listGaps(expression, expression.arguments, expression.callee.span.end, end, placed);
      this.#expressionGaps(expression.callee, placed);
      for (const one of expression.arguments) this.#expressionGaps(one.value, placed);
    } else if (expression.kind === 'list') {
      this.#listGaps(expression, expression.items, start, end, placed);
      for (const one of expression.items) this.#expressionGaps(one, placed);
    } else if (expression.kind === 'binary') {
      this.#expressionGaps(expression.left, placed);
      this.#expressionGaps(expression.right, placed);
    } else if (expression.kind === 'unary') this.#expressionGaps(expression.operand, placed);
    else if (expression.kind === 'member' || expression.kind === 'index') this.#expressionGaps(expression.of, placed);
  }

  #parameterGaps(one: Definition): void {
    const end = this.#brace(headEnd(one), one.span.end) ?? one.span.end;
    this.#listGaps(one, one.parameters, one.name.span.end, end, new Set(), true);
  }

  #listGaps(
    owner: object,
    items: readonly { readonly span: { readonly start: number; readonly end: number } }[],
    from: number,
    to: number,
    placed: Set<Comment>,
    withInner = false,
  ): void {
    if (items.length === 0) return;
    const before: string[][] = [];
    const behind: string[] = items.map(() => '');
    let last = from;
    for (let i = 0; i <= items.length; i++) {
      const item = items[i];
      const found = this.#within(last, item?.span.start ?? to);
      for (const one of found) placed.add(one);
      if (i > 0) behind[i - 1] = this.#takeSameLine(found, last);
      const lines = this.#ownLines(found, undefined, item?.span.start);
      if (withInner && item !== undefined) {
        for (const one of this.#within(item.span.start, item.span.end))
          lines.push(one.text.trimEnd().replace(/^\/\/\/(?!\/)/, '//'));
      }
      before.push(lines);
      last = item?.span.end ?? to;
    }
    if (before.some((lines) => lines.length > 0) || behind.some((text) => text !== '')) {
      this.#gapComments.set(owner, { before, behind });
    }
  }

  // ---------------------------------------------------------------- comments of a stretch of text
  #within(from: number, to: number): Comment[] {
    let low = 0;
    let high = this.#comments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#comments[middle]?.span.start ?? 0) < from) low = middle + 1;
      else high = middle;
    }
    const found: Comment[] = [];
    for (let i = low; i < this.#comments.length; i++) {
      const comment = this.#comments[i];
      if (comment === undefined || comment.span.start >= to) break;
      found.push(comment);
    }
    return found;
  }

  /** Removes and gives back the comment on the line of `offset`, or ''. */
  #takeSameLine(found: Comment[], offset: number): string {
    const first = found[0];
    if (first === undefined || /[\r\n]/.test(this.#text.slice(offset, first.span.start))) return '';
    found.shift();
    return first.text.trimEnd();
  }

  /**
   * One line for each, with single blank lines kept between them, and before `next` if given. Docs that did not belong
   * to what begins at `owner` lose a slash, so that they do not from now on.
   */
  #ownLines(found: readonly Comment[], next: number | undefined, owner = next): string[] {
    const lines: string[] = [];
    found.forEach((one, index) => {
      const isAbove = owner === undefined || this.#skip(one.span.end) === owner;
      const isDoc = one.doc && isAbove && isFirstOnLine(this.#text, one.span.start);
      lines.push(isDoc ? one.text.trimEnd() : one.text.trimEnd().replace(/^\/\/\/(?!\/)/, '//'));
      const following = found[index + 1]?.span.start ?? next;
      if (following !== undefined && this.#isBlankBetween(one.span.end, following)) lines.push('');
    });
    return lines;
  }

  #isBlankBetween(from: number, to: number): boolean {
    return /\r?\n[ \t\f\u00a0]*(\r?\n|\r)/.test(this.#text.slice(from, to));
  }
}
