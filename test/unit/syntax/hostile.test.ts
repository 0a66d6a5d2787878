/** Input made to break the parser: always diagnostics, never a throw. */
import { describe, expect, test } from 'vitest';
import { format } from '../../../compiler/1-syntax/format.ts';
import { MAX_DIAGNOSTICS, MAX_LENGTH, parse } from '../../../compiler/1-syntax/parse.ts';
import { DIGITS } from './listings.ts';

function codes(text: string): string[] {
  const { value, diagnostics } = parse(text, 'x.pcn');
  expect(value).toBeDefined();
  for (const { span } of diagnostics) {
    expect(span.start).toBeGreaterThanOrEqual(0);
    expect(span.end).toBeGreaterThanOrEqual(span.start);
  }
  return [...new Set(diagnostics.map((one) => one.code.replace('syntax/', '')))];
}
const check = (expression: string) => `pcn 1\ncheck ${expression}\n`;

describe('size and depth', () => {
  test('a file beyond the limit is not read', () => {
    expect(codes(' '.repeat(MAX_LENGTH + 1))).toEqual(['too-large']);
    expect(codes(`pcn 1\n${' '.repeat(MAX_LENGTH - 6)}`)).toEqual([]);
  });

  test.each([
    ['round brackets', '('.repeat(100_000)],
    ['closed round brackets', `${'('.repeat(500)}x${')'.repeat(500)}`],
    ['square brackets', '['.repeat(100_000)],
    ['calls', 'f('.repeat(50_000)],
    ['indices', 'f['.repeat(50_000)],
    ['minus', `${'-'.repeat(2)}${' - '.repeat(50_000)}x`],
    ['not', `${'not '.repeat(50_000)}x`],
    ['powers', `${'x ^ '.repeat(50_000)}x`],
    ['sums', `${'x + '.repeat(50_000)}x`],
    ['members', `x${'.y'.repeat(50_000)}`],
    ['chained calls', `x${'()'.repeat(50_000)}`],
  ])('%s that are too deep are refused', (_, expression) => expect(codes(check(expression))).toContain('too-deep'));

  test('a text just within the limits is read, printed and read again', () => {
    for (const text of [
      check(`${'('.repeat(149)}x${')'.repeat(149)}`),
      check(`${'f('.repeat(149)}x${')'.repeat(149)}`),
      check(`${'x + '.repeat(190)}x`),
      check(`${'- '.repeat(190)}x`),
    ]) {
      expect(codes(text)).toEqual([]);
      const once = format(text, 'x.pcn').value ?? '';
      expect(codes(once)).toEqual([]);
      expect(format(once, 'x.pcn').value).toBe(once);
    }
  });

  test('the limit of depth does not count what stands side by side', () => {
    expect(codes(check(`[${Array.from({ length: 5000 }, (_, i) => `-${i}`).join(', ')}]`))).toEqual([]);
  });

  test('braces beyond the limits end in one message', () => {
    expect(codes(`pcn 1\n${'{'.repeat(50_000)}`)).toEqual(['unexpected']);
    expect(codes(`pcn 1\n${'}'.repeat(50_000)}`)).toEqual(['unexpected']);
    expect(codes(`pcn 1\n${'model m {\n'.repeat(2000)}`)).toContain('unclosed');
  });

  test('messages are no more than a person can read', () => {
    const { diagnostics } = parse(`pcn 1\nmodel m {\n${'  node h f32\n'.repeat(5000)}}\n`, 'x.pcn');
    expect(diagnostics.length).toBe(MAX_DIAGNOSTICS + 1);
    expect(diagnostics.at(-1)?.code).toBe('syntax/too-many');
  });
});

describe('characters', () => {
  test.each([
    ['NUL', 'pcn 1\nmodel m\u0000 {\n}\n'],
    ['NUL in a comment', 'pcn 1\n// a\u0000b\n'],
    ['NUL in a text', check('f("a\u0000b")')],
    ['half of a pair', 'pcn 1\n// \ud800 \n'],
    ['half of a pair in a text', check('f("\udc00")')],
    ['half of a pair as a name', check('\ud83d')],
    ['emoji', check('\u{1f600}')],
    ['a no-width mark inside', check('a\u200bb')],
    ['delete', check('a \u007f')],
  ])('%s is an unexpected character', (_, text) => expect(codes(text)).toEqual(['unexpected-character']));

  test('a byte order mark, returns and tabs are blanks', () => {
    expect(codes(`\ufeff${DIGITS.replaceAll('\n', '\r\n').replaceAll('  ', '\t')}`)).toEqual([]);
    expect(codes(DIGITS.replaceAll('\n', '\r'))).toEqual([]);
  });

  test('text in any script may stand in comments and between quotes', () => {
    expect(codes('pcn 1\n// \u6f22\u5b57 \u{1f600}\ncheck f("\u00e9\u6f22")\n')).toEqual([]);
  });
});

describe('numbers', () => {
  test.each(['1e999', '1e-999', '9007199254740993', '.5', '5.', '0x10', '1_000', '3e', `${'9'.repeat(100_000)}`])(
    '%s is refused',
    (text) => expect(codes(check(`a > ${text}`))).toEqual(['number']),
  );
  test.each(['0', '0.0', '0e5', '1e308', '1.5e-300', '9007199254740991', '10000000000000000000.0'])(
    '%s is read',
    (text) => expect(codes(check(`a > ${text}`))).toEqual([]),
  );
});

test('an empty file lacks only its version, and so does one with only comments', () => {
  expect(codes('')).toEqual(['version']);
  expect(codes('// nothing')).toEqual(['version']);
});

test('names of the object prototype mean nothing special', () => {
  expect(codes('pcn 1\nmodel constructor {\n  node __proto__: f32[toString]\n}\n')).toEqual([]);
  expect(codes('pcn 1\nconstructor\n')).toEqual(['unknown-word']);
});
