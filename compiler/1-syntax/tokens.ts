/** The words and signs of the language. The TextMate grammar is generated from this table too. */
import type { TokenType } from 'chevrotain';
import { createToken, Lexer } from './chevrotain.ts';

/** Given with every pattern that is an expression: finding them out by itself takes Chevrotain half of its start. */
const startingWith = (characters: string): string[] => [...characters];
const DIGITS = '0123456789';
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Any word at all: may stand after a dot and in a path. */
export const AnyWord = createToken({ name: 'AnyWord', pattern: Lexer.NA, label: 'a word' });
/** Any word but the five that continue an expression; keywords are names where a name is wanted. */
export const Name = createToken({ name: 'Name', pattern: Lexer.NA, label: 'a name', categories: [AnyWord] });
/** Words that begin a definition: `link dense(…)`, `optimizer adam(…)`. */
export const DefinitionWord = createToken({ name: 'DefinitionWord', pattern: Lexer.NA, label: 'a kind of definition' });
/** Between two operands. */
export const BinaryOperatorToken = createToken({
  name: 'BinaryOperatorToken',
  pattern: Lexer.NA,
  label: 'an operator',
});
/** Before an operand. */
export const PrefixOperatorToken = createToken({
  name: 'PrefixOperatorToken',
  pattern: Lexer.NA,
  label: 'an operator',
});

export const Word = createToken({
  name: 'Word',
  pattern: /[A-Za-z_][A-Za-z0-9_]*/,
  start_chars_hint: startingWith(`${LETTERS}_`),
  label: 'a name',
  categories: [Name],
});

function keyword(text: string, categories: TokenType[] = [Name]): TokenType {
  return createToken({ name: `word_${text}`, pattern: text, label: `\`${text}\``, longer_alt: Word, categories });
}
function sign(name: string, pattern: string, categories: TokenType[] = []): TokenType {
  return createToken({ name, pattern, label: `\`${pattern}\``, categories });
}

// ---------------------------------------------------------------- words
export const Pcn = keyword('pcn');
export const ImportWord = keyword('import');
export const ModelWord = keyword('model');
export const TrainWord = keyword('train');
export const PredictWord = keyword('predict');
export const ScheduleWord = keyword('schedule');
export const CheckWord = keyword('check');
export const Param = keyword('param');
export const Sense = keyword('sense');
export const NodeWord = keyword('node', [Name, DefinitionWord]);
export const LinkWord = keyword('link', [Name, DefinitionWord]);
export const ClusterWord = keyword('cluster');
export const Expose = keyword('expose');
export const Optimizer = keyword('optimizer', [Name, DefinitionWord]);
export const Rate = keyword('rate', [Name, DefinitionWord]);
export const Method = keyword('method', [Name, DefinitionWord]);
export const Topology = keyword('topology', [Name, DefinitionWord]);
export const Data = keyword('data', [Name, DefinitionWord]);
export const FunctionWord = keyword('function', [Name, DefinitionWord]);
export const Weight = keyword('weight');
export const State = keyword('state');
export const Let = keyword('let');
export const Next = keyword('next');
export const Energy = keyword('energy');
export const ValueWord = keyword('value');
export const Field = keyword('field');
export const Split = keyword('split');
export const Clamp = keyword('clamp');
export const Start = keyword('start');
export const Read = keyword('read');
export const Validate = keyword('validate');
export const Of = keyword('of');
export const On = keyword('on');
export const At = keyword('at');
export const Along = keyword('along');
export const Where = keyword('where', [AnyWord]);
export const When = keyword('when', [AnyWord]);
export const And = keyword('and', [AnyWord, BinaryOperatorToken]);
export const Or = keyword('or', [AnyWord, BinaryOperatorToken]);
export const Not = keyword('not', [AnyWord, PrefixOperatorToken]);

// ---------------------------------------------------------------- literals
/** A number with an optional unit glued to it; `0..7` leaves the dots alone. */
export const NumberToken = createToken({
  name: 'Number',
  pattern:
    /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:[A-Za-z]*(?:bit|B)\/s(?![A-Za-z0-9_])|[A-Za-z_\u00b5\u03bc][A-Za-z0-9_]*)?/,
  start_chars_hint: startingWith(DIGITS),
  label: 'a number',
});
/** `.5` and `5.`: understood, but refused with a repair. */
export const LooseNumber = createToken({
  name: 'LooseNumber',
  pattern: /\.\d+(?:[eE][+-]?\d+)?(?:[A-Za-z_][A-Za-z0-9_]*)?|\d+\.(?![.\dA-Za-z_])/,
  start_chars_hint: startingWith(`.${DIGITS}`),
  label: 'a number',
  categories: [NumberToken],
});
export const StringToken = createToken({
  name: 'String',
  pattern: /"(?:[^"\\\n\r]|\\[^\n\r])*"/,
  start_chars_hint: ['"'],
  label: 'a text',
});
export const LooseString = createToken({
  name: 'LooseString',
  pattern: /"(?:[^"\\\n\r]|\\[^\n\r])*\\?|'[^'\n\r]*'|\u201c[^"\u201c\u201d\n\r]*["\u201d]/,
  start_chars_hint: ['"', "'", '\u201c'],
  label: 'a text',
  categories: [StringToken],
});

// ---------------------------------------------------------------- signs
export const LeftBrace = sign('LeftBrace', '{');
export const RightBrace = sign('RightBrace', '}');
export const LeftParen = sign('LeftParen', '(');
export const RightParen = sign('RightParen', ')');
export const LeftBracket = sign('LeftBracket', '[');
export const RightBracket = sign('RightBracket', ']');
export const Comma = sign('Comma', ',');
export const Colon = sign('Colon', ':');
export const DotDot = sign('DotDot', '..');
export const Dot = sign('Dot', '.');
export const Arrow = sign('Arrow', '->');
export const EqualEqual = sign('EqualEqual', '==', [BinaryOperatorToken]);
export const NotEqual = sign('NotEqual', '!=', [BinaryOperatorToken]);
export const LessEqual = sign('LessEqual', '<=', [BinaryOperatorToken]);
export const GreaterEqual = sign('GreaterEqual', '>=', [BinaryOperatorToken]);
export const Less = sign('Less', '<', [BinaryOperatorToken]);
export const Greater = sign('Greater', '>', [BinaryOperatorToken]);
export const Equals = sign('Equals', '=');
export const Plus = sign('Plus', '+', [BinaryOperatorToken]);
export const Minus = sign('Minus', '-', [BinaryOperatorToken, PrefixOperatorToken]);
export const Star = sign('Star', '*', [BinaryOperatorToken]);
export const Slash = sign('Slash', '/', [BinaryOperatorToken]);
export const Percent = sign('Percent', '%', [BinaryOperatorToken]);
export const Caret = sign('Caret', '^', [BinaryOperatorToken]);

// ---------------------------------------------------------------- what other languages write
export interface Foreign {
  readonly token: TokenType;
  readonly ours: string;
}
function foreign(name: string, text: string, ours: TokenType, oursText: string): [string, Foreign] {
  return [text, { token: createToken({ name, pattern: text, categories: [ours] }), ours: oursText }];
}
/** Spellings of other languages that are understood, reported and read as ours. */
export const FOREIGN: ReadonlyMap<string, Foreign> = new Map<string, Foreign>([
  foreign('ForeignAnd', '&&', And, 'and'),
  foreign('ForeignOr', '||', Or, 'or'),
  foreign('ForeignNotEqual', '<>', NotEqual, '!='),
  foreign('ForeignDefine', ':=', Equals, '='),
  foreign('ForeignFatArrow', '=>', Arrow, '->'),
  foreign('ForeignLongArrow', '-->', Arrow, '->'),
  foreign('ForeignPower', '**', Caret, '^'),
  foreign('ForeignArrow', '\u2192', Arrow, '->'),
  foreign('ForeignLessEqual', '\u2264', LessEqual, '<='),
  foreign('ForeignGreaterEqual', '\u2265', GreaterEqual, '>='),
  foreign('ForeignUnequal', '\u2260', NotEqual, '!='),
  foreign('ForeignTimes', '\u00d7', Star, '*'),
  foreign('ForeignNot', '!', Not, 'not'),
]);
/** Not needed anywhere: reported and skipped. */
export const Semicolon = createToken({ name: 'Semicolon', pattern: /;+/, start_chars_hint: [';'] });
/** A word with letters outside a-z; refused, but kept as a name so that nothing else is reported about it. */
export const ForeignWord = createToken({
  name: 'ForeignWord',
  pattern:
    /[A-Za-z0-9_]*[\u00aa-\u00d6\u00d8-\u1fff\u2c00-\ufefe\uff00-\uffef][A-Za-z0-9_\u00aa-\u00d6\u00d8-\u1fff\u2c00-\ufefe\uff00-\uffef]*/,
  // Chevrotain sorts characters above 255 into buckets of 255: one of each bucket is enough.
  start_chars_hint: Array.from({ length: 0x200 }, (_, i) => i * 0x80).concat(
    Array.from({ length: 0x100 }, (_, i) => i),
  ),
  categories: [Name],
});

// ---------------------------------------------------------------- comments and blanks
export const LineComment = createToken({
  name: 'LineComment',
  pattern: /\/\/[^\n\r]*/,
  start_chars_hint: ['/'],
  group: 'comments',
});
export const ForeignComment = createToken({
  name: 'ForeignComment',
  pattern: /#[^\n\r]*|\/\*[^*]*(?:\*(?!\/)[^*]*)*(?:\*\/)?/,
  start_chars_hint: ['#', '/'],
  line_breaks: true,
  group: 'foreignComments',
});
export const Blank = createToken({
  name: 'Blank',
  pattern: /[ \t\r\n\f\u00a0\ufeff]+/,
  start_chars_hint: startingWith(' \t\r\n\f\u00a0\ufeff'),
  line_breaks: true,
  group: Lexer.SKIPPED,
});

export const KEYWORDS: readonly TokenType[] = [
  Pcn,
  ImportWord,
  ModelWord,
  TrainWord,
  PredictWord,
  ScheduleWord,
  CheckWord,
  Param,
  Sense,
  NodeWord,
  LinkWord,
  ClusterWord,
  Expose,
  Optimizer,
  Rate,
  Method,
  Topology,
  Data,
  FunctionWord,
  Weight,
  State,
  Let,
  Next,
  Energy,
  ValueWord,
  Field,
  Split,
  Clamp,
  Start,
  Read,
  Validate,
  Of,
  On,
  At,
  Along,
  Where,
  When,
  And,
  Or,
  Not,
];

const foreignSigns = [...FOREIGN.values()].map((entry) => entry.token);
const longForeignSigns = foreignSigns.filter((token) => token.name !== 'ForeignNot');
const shortForeignSigns = foreignSigns.filter((token) => token.name === 'ForeignNot');

/** In order of preference: longer before shorter, words of the language before other words. */
export const ALL_TOKENS: TokenType[] = [
  Blank,
  LineComment,
  ForeignComment,
  StringToken,
  LooseString,
  LooseNumber,
  NumberToken,
  ForeignWord,
  ...KEYWORDS,
  Word,
  ...longForeignSigns,
  Semicolon,
  LeftBrace,
  RightBrace,
  LeftParen,
  RightParen,
  LeftBracket,
  RightBracket,
  Comma,
  Colon,
  DotDot,
  Dot,
  Arrow,
  EqualEqual,
  NotEqual,
  LessEqual,
  GreaterEqual,
  Less,
  Greater,
  Equals,
  Plus,
  Minus,
  Star,
  Slash,
  Percent,
  Caret,
  ...shortForeignSigns,
  AnyWord,
  Name,
  DefinitionWord,
  BinaryOperatorToken,
  PrefixOperatorToken,
];
