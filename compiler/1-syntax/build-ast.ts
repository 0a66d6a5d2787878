/** From what the grammar matched to nodes of the syntax tree. */
import type { IToken } from 'chevrotain';
import type { Span } from '../diagnostics/diagnostic.ts';
import type {
  BinaryOperator,
  Declaration,
  Definition,
  DefinitionStatement,
  Expression,
  Import,
  ModelStatement,
  Name,
  NumberLiteral,
  Parameter,
  TaskStatement,
  Unary,
} from './ast.ts';
import { numberValue, splitNumber, stringValue } from './literals.ts';
import type { Part } from './precedence.ts';
import { FOREIGN, LooseString } from './tokens.ts';

/** Everything of a declaration before its `{`. */
export type Head =
  | { readonly kind: 'model'; readonly name: Name }
  | {
      readonly kind: 'definition';
      readonly what: Definition['what'];
      readonly name: Name;
      readonly parameters: readonly Parameter[];
    }
  | { readonly kind: 'train' | 'predict'; readonly name: Name; readonly model: Name; readonly on?: Expression }
  | { readonly kind: 'schedule'; readonly name: Name; readonly model: Name };

/** Which statements stand between the braces. */
export type BodyKind = 'model' | 'task' | 'definition';

export interface Body {
  readonly model: readonly ModelStatement[];
  readonly task: readonly TaskStatement[];
  readonly definition: readonly DefinitionStatement[];
}

export const EMPTY_BODY: Body = { model: [], task: [], definition: [] };

export function bodyKind(head: Head): BodyKind {
  if (head.kind === 'model') return 'model';
  if (head.kind !== 'definition') return 'task';
  return head.what === 'cluster' ? 'model' : 'definition';
}

/** `body` is undefined for a definition without braces. */
export function toDeclaration(head: Head, body: Body | undefined, doc: string, span: Span): Declaration {
  const inside = body ?? EMPTY_BODY;
  if (head.kind === 'model') return { ...head, body: inside.model, doc, span };
  if (head.kind !== 'definition') return { ...head, body: inside.task, doc, span };
  if (head.what === 'cluster') return { ...head, body: inside.model, doc, span };
  return { ...head, body: [], ...(body === undefined ? {} : { rules: body.definition }), doc, span };
}

export function tokenSpan(token: IToken, file: string): Span {
  return { file, start: token.startOffset, end: token.startOffset + token.image.length };
}

export function toName(token: IToken, file: string): Name {
  return { text: token.image, span: tokenSpan(token, file) };
}

export function toNumber(token: IToken, file: string): NumberLiteral {
  const { digits, unit } = splitNumber(token.image);
  const literal = { kind: 'number', value: numberValue(digits), span: tokenSpan(token, file) } as const;
  return unit === undefined ? literal : { ...literal, unit };
}

export function toText(token: IToken, file: string): Expression {
  const closed = token.tokenType !== LooseString || !token.image.startsWith('"');
  return { kind: 'string', value: stringValue(token.image, closed), span: tokenSpan(token, file) };
}

export function toImport(parts: readonly IToken[], last: IToken, span: Span): Import {
  return { path: parts.map((part) => part.image).join(''), name: toName(last, span.file), span };
}

const BINARY = new Set<string>(['+', '-', '*', '/', '%', '^', '==', '!=', '<', '<=', '>', '>=', 'and', 'or']);

function isBinary(text: string): text is BinaryOperator {
  return BINARY.has(text);
}

export function toBinaryPart(token: IToken, file: string): Part {
  const text = FOREIGN.get(token.image)?.ours ?? token.image;
  return { kind: 'binary', operator: isBinary(text) ? text : '+', span: tokenSpan(token, file) };
}

export function toPrefixPart(token: IToken): Part {
  const operator: Unary['operator'] = token.image === '-' ? '-' : 'not';
  return { kind: 'prefix', operator, start: token.startOffset };
}

const KINDS = ['cluster', 'node', 'link', 'optimizer', 'rate', 'method', 'topology', 'data', 'function'] as const;

export function toDefinitionKind(token: IToken): Definition['what'] {
  return KINDS.find((kind) => kind === token.image) ?? 'function';
}
