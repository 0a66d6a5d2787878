/** Text from outside goes to a terminal: nothing in it is obeyed, nothing in it is unseen. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonLine } from '../../../runtime/support/emit.ts';
import { printable, printableLines, printed } from '../../../runtime/support/printable.ts';

/** Everything that a terminal obeys, or that a reader does not see. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .array(fc.constantFrom('\u001b[2J', '\u202e', '\u009b', '\r', '\n', '\ud800', '\u{e0041}', 'a', 'é'), {
      maxLength: 30,
    })
    .map((parts) => parts.join('')),
);

test('any text becomes one line of printable characters', () => {
  fc.assert(
    fc.property(text, (words) => {
      expect(printable(words)).not.toMatch(UNSEEN);
      expect(printableLines(words).replace(/[\n\t]/g, '')).not.toMatch(UNSEEN);
    }),
  );
  expect(printable('\u001b[31mred\u202e')).toBe('\\x1b[31mred\\u202e');
  expect(printable('Übergröße 学習')).toBe('Übergröße 学習');
  expect(printable('x'.repeat(9000)).length).toBeLessThan(2100);
});

test('a line keeps its own characters and changes those of its values', () => {
  expect(printed`run ${'a\nb'}: ${3}\n`).toBe('run a\\x0ab: 3\n');
});

test('JSON stays the same JSON', () => {
  fc.assert(
    fc.property(text, (words) => {
      const line = jsonLine({ words });
      expect(line).not.toMatch(UNSEEN);
      expect(JSON.parse(line)).toEqual({ words });
    }),
  );
});
