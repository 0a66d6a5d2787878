/** Our own wording for what the grammar did not find; Chevrotain's messages are hard to read. */
import type { IParserErrorMessageProvider, IRecognitionException, IToken, TokenType } from 'chevrotain';
import type { Code } from '../diagnostics/codes.ts';
import { EOF, tokenMatcher } from './chevrotain.ts';
import * as t from './tokens.ts';
import { UNITS } from './units.ts';

/** Descriptions of what was expected, where it is more than the one token the grammar asked for: by rule and token. */
const EXPECTED: Readonly<Record<string, string>> = {
  'arguments/RightParen': '`,` or `)`',
  'parameters/RightParen': '`,` or `)`',
  'placeList/RightBracket': '`,` or `]`',
  'list/RightBracket': '`,` or `]`',
  'type/RightBracket': '`,` or `]`',
  'indexItems/RightBracket': '`,`, `..` or `]`',
  'nodeStatement/Colon': '`:` and a type',
  'weightStatement/Colon': '`:` and a type',
  'fieldStatement/Colon': '`:` and a type',
  'linkStatement/Equals': '`->` or `=`',
  'linkStatement/Arrow': '`->` and another end',
  'clampStatement/Equals': '`=` and a value',
  'startStatement/Equals': '`=` and a value',
  'clusterStatement/Equals': '`=` and the cluster it is made of',
  'type/Name': 'a type such as `f32[784]`',
  'importLine/AnyWord': 'the path of a module, such as `std/links` or `./column`',
  'taskHead/Of': '`of` and the name of a model',
  'scheduleHead/Of': '`of` and the name of a model',
};

/** Repairs, by rule (innermost first) and token; the fallback has no token. */
const REPAIRS: Readonly<Record<string, string>> = {
  'nodeStatement/Colon': 'give its type: `node h: f32[128]`',
  'weightStatement/Colon': 'give its type: `weight w: f32[size(target), size(source)] = init`',
  'weightStatement/Equals': 'say how it begins: `= uniform_fan_in`',
  'fieldStatement/Colon': 'give its type: `field image: u8[28, 28]`',
  'linkStatement/Equals': 'say what the link is: `= links.dense()`',
  'linkStatement/Arrow': 'join two nodes: `link a -> b = links.dense()`',
  'clusterStatement/Equals': '`cluster v1 = column.visual()`',
  'clampStatement/Equals': '`clamp pixels = sample.image / 255`',
  'startStatement/Equals': '`start h = sample.guess`',
  'readStatement/Equals': '`read digit = argmax(label)`',
  'validateStatement/On': '`validate on data.mnist.test`',
  'settingStatement/Equals': '`batch = 128`',
  'namedStatement/Equals': '`let u = x + 1`',
  'taskHead/Of': '`train il of mnist on data.mnist.train { … }`',
  'scheduleHead/Of': '`schedule home of mnist { … }`',
  'importLine/AnyWord': '`import std/links`',
};

function found(actual: IToken | undefined): string {
  if (actual === undefined || actual.tokenType === EOF) return 'the end';
  return showToken(actual);
}

export function showToken(token: IToken): string {
  const image = token.image.length > 30 ? `${token.image.slice(0, 29)}…` : token.image;
  return `\`${image}\``;
}

function expectedText(ruleName: string, expected: TokenType): string {
  return EXPECTED[`${ruleName}/${expected.name}`] ?? expected.LABEL ?? expected.name;
}

function after(previous: IToken): string {
  return previous.image === '' || Number.isNaN(previous.startOffset) ? '' : ` after ${showToken(previous)}`;
}

export const messageProvider: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual, previous, ruleName }) =>
    expected === t.Of && previous.tokenType === t.Of
      ? 'expected a name before `of`'
      : `expected ${expectedText(ruleName, expected)}${after(previous)}, found ${found(actual)}`,
  buildNotAllInputParsedMessage: ({ firstRedundant }) => `${showToken(firstRedundant)} does not continue the statement`,
  buildNoViableAltMessage: ({ actual, previous, customUserDescription }) =>
    `expected ${customUserDescription ?? 'something else'}${after(previous)}, found ${found(actual[0])}`,
  buildEarlyExitMessage: ({ actual, previous, ruleName }) =>
    `expected ${EXPECTED[`${ruleName}/Arrow`] ?? 'more'}${after(previous)}, found ${found(actual[0])}`,
};

export interface Problem {
  readonly code: Code;
  readonly reason: string;
  readonly repair?: string | undefined;
}

/**
 * The first mistake that the grammar found in a statement, in words, with what to write instead.
 * @param before the tokens of the statement up to the error; @param next the one behind it
 */
export function explain(error: IRecognitionException, before: readonly IToken[], next: IToken | undefined): Problem {
  const { token } = error;
  const previous = before.at(-1);
  const rules = error.context.ruleStack;
  const rule = rules.at(-1) ?? '';
  return (
    spacedUnit(token, previous) ??
    assignment(token, before, rule) ??
    roundSizes(token, previous, rule) ??
    reservedName(token, rules, error.name) ??
    bareValidate(error, rule) ??
    backwards(token, previous, rule) ??
    general(error, rule, next)
  );
}

function spacedUnit(token: IToken, previous: IToken | undefined): Problem | undefined {
  if (previous?.tokenType !== t.NumberToken || !/\d$/.test(previous.image) || !UNITS.has(token.image)) return undefined;
  const joined = `${previous.image}${token.image}`;
  const reason = `there is a blank between ${showToken(previous)} and its unit`;
  return { code: 'syntax/spaced-unit', reason, repair: `\`${joined}\`` };
}

function assignment(token: IToken, before: readonly IToken[], rule: string): Problem | undefined {
  if (token.tokenType !== t.Equals) return undefined;
  const inCondition = before.some((one) => [t.When, t.Where, t.CheckWord].includes(one.tokenType));
  if (!inCondition && rule !== 'operand') return undefined;
  return { code: 'syntax/assignment', reason: '`=` does not compare; write `==`', repair: '`==`' };
}

/** `link y <- h`. */
function backwards(token: IToken, previous: IToken | undefined, rule: string): Problem | undefined {
  if (token.tokenType !== t.Less || rule !== 'linkStatement') return undefined;
  const target = previous?.image ?? 'b';
  const reason = 'a link goes from its source to its target';
  return { code: 'syntax/expected', reason, repair: `\`link … -> ${target} = links.dense()\`` };
}

function roundSizes(token: IToken, previous: IToken | undefined, rule: string): Problem | undefined {
  const isType = previous !== undefined && /^(f16|f32|f64|u8|i32|int|float)$/.test(previous.image);
  if (token.tokenType !== t.LeftParen || !isType || rule === 'operand') return undefined;
  const reason = 'the sizes of a type stand between square brackets';
  return { code: 'syntax/unexpected', reason, repair: `\`${previous.image}[784]\`` };
}

const RESERVED = new Set(['and', 'or', 'not', 'when', 'where']);

function reservedName(token: IToken, rules: readonly string[], kind: string): Problem | undefined {
  if (!RESERVED.has(token.image) || rules.at(-1) !== 'name' || kind !== 'MismatchedTokenException') return undefined;
  const reason = `${showToken(token)} is a reserved word, so it cannot be a name`;
  return { code: 'syntax/expected', reason, repair: 'choose another name' };
}

/** `validate` could be the name of a setting, so the grammar stops in front of it. */
function bareValidate(error: IRecognitionException, rule: string): Problem | undefined {
  if (rule !== 'taskStatement' || error.token.tokenType !== t.Validate) return undefined;
  return { code: 'syntax/expected', reason: 'expected `on` after `validate`', repair: REPAIRS['validateStatement/On'] };
}

function general(error: IRecognitionException, rule: string, next: IToken | undefined): Problem {
  const problem = byRule(error, rule, next);
  if (problem.repair !== undefined) return problem;
  return { ...problem, repair: repairFor(error.message, error.token, rule) };
}

function repairFor(message: string, token: IToken, rule: string): string | undefined {
  const isValue = [t.AnyWord, t.NumberToken, t.StringToken].some((type) => tokenMatcher(token, type));
  if (message.startsWith('expected `,`') && isValue) return 'put a `,` between them';
  if (message.startsWith('expected a value')) return 'write a number, a name or a call here';
  if (message.startsWith('expected the name of a node')) return REPAIRS['linkStatement/Arrow'];
  if (message.startsWith('expected a type')) return 'write a type: `f32[784]`, `int`, `float`, …';
  if (message.startsWith('expected a name before')) return REPAIRS['taskHead/Of'];
  if (message.endsWith('does not continue the statement')) return 'delete it, or join it to what stands before it';
  return rule === 'name' ? 'write a name: letters, digits and `_`' : undefined;
}

function byRule(error: IRecognitionException, rule: string, next: IToken | undefined): Problem {
  if (error.name === 'NotAllInputParsedException') return { code: 'syntax/unexpected', ...leftOver(error, next) };
  const wanted = /^expected `?(\w+|->|.)`?/.exec(error.message)?.[1] ?? '';
  const key = { ':': 'Colon', '=': 'Equals', '->': 'Arrow', of: 'Of', on: 'On', the: 'AnyWord' }[wanted];
  const parent = rule === 'name' ? (error.context.ruleStack.at(-2) ?? '') : rule;
  const name = key === undefined ? undefined : REPAIRS[`${parent}/${key}`];
  return { code: 'syntax/expected', reason: error.message, repair: name };
}

function leftOver(error: IRecognitionException, next: IToken | undefined): Omit<Problem, 'code'> {
  const { token, message } = error;
  if (token.tokenType === t.Comma && error.context.ruleStack[0] === 'importLine') {
    return { reason: 'a line can import only one module', repair: 'write `import` again on the next line' };
  }
  if (token.tokenType === t.Comma) return { reason: 'this list is empty', repair: 'leave out the `,`' };
  if (token.tokenType === t.Colon)
    return { reason: 'a type cannot stand here', repair: 'leave out the `:` and the type' };
  if (next?.tokenType === t.Equals) return { reason: message, repair: 'begin a new line for a new statement' };
  return { reason: message };
}
