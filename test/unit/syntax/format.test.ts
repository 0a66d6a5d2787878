import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { format } from '../../../compiler/1-syntax/format.ts';
import { lex } from '../../../compiler/1-syntax/lex.ts';
import { parse } from '../../../compiler/1-syntax/parse.ts';
import { printSourceFile } from '../../../compiler/1-syntax/text.ts';
import { sourceFile } from './arbitrary.ts';
import { BRAIN, COLUMN, DIGITS, LIBRARY, LISTINGS } from './listings.ts';
import { plain } from './plain.ts';

function formatted(text: string): string {
  const { value, diagnostics } = format(text, 'test.pcn');
  expect(diagnostics).toEqual([]);
  return value ?? '';
}
function meaning(text: string): unknown {
  const { value, diagnostics } = parse(text, 'x.pcn');
  expect(diagnostics).toEqual([]);
  return value === undefined ? undefined : plain(value);
}

describe('listings', () => {
  test('are in canonical form except for three hand-aligned columns', () => {
    expect(formatted(DIGITS)).toBe(DIGITS);
    expect(formatted(LIBRARY)).toBe(LIBRARY);
    const canonicalBrain = BRAIN.replace(
      /^ {2}(cut_at|memory|uplink) +=/gm,
      (_, name: string) => `  ${name.padEnd(13)} =`,
    );
    expect(formatted(BRAIN)).toBe(canonicalBrain);
    const at = COLUMN.lastIndexOf('low  = links');
    expect(formatted(COLUMN)).toBe(`${COLUMN.slice(0, at)}low = links${COLUMN.slice(at + 'low  = links'.length)}`);
  });

  for (const [name, text] of Object.entries(LISTINGS)) {
    test(`${name}: the tree's own print reads back`, () => {
      const { value } = parse(text, 'x.pcn');
      if (value === undefined) throw new Error('no value');
      expect(meaning(printSourceFile(value))).toEqual(plain(value));
    });

    test(`${name}: a file on one line becomes the same text but for blank lines`, () => {
      const bare = text.replace(/\s*\/\/.*$/gm, '');
      const dense = (t: string) => t.replace(/\n\n+/g, '\n');
      const fromOneLine = formatted(bare.replace(/\s+/g, ' '));
      expect(meaning(fromOneLine)).toEqual(meaning(bare));
      expect(formatted(fromOneLine)).toBe(fromOneLine);
      expect(dense(fromOneLine).split('\n').length).toBe(dense(bare).split('\n').length);
    });
  }
});

test('comments stay where they are', () => {
  const text = `// a file about nothing

// second
pcn 1  // version

// why this module
import std/nodes  // the nodes
import ./a

// detached

// of the model
/// Doc.
model m {  // opens
  // first
  param width: int = 3 where width > 2  // trailing

  // own group
  node a:   f32[width]  // behind a
  node bcd: f32[2]      // behind bcd
  // before link
  link a -> bcd = f(
    // before x
    x,  // behind x
    y = [
      1,
      // before two
      2
    ]
    // last
  )

  // at the end
}  // closes

method il(
  // how many
  steps: int,  // behind
  rate: float
)

// rest
`;
  expect(formatted(text)).toBe(text);
});

test('comments inside expressions move above their statement, and a doc comment that moves becomes a plain one', () => {
  const text = 'pcn 1\nmodel m {\n  node a: f32[3] = x + // one\n    y\n    /// two\n    * z\n}\n';
  const result = formatted(text);
  expect(result).toBe('pcn 1\n\nmodel m {\n  // one\n  // two\n  node a: f32[3] = x + y * z\n}\n');
  expect(meaning(result)).toEqual(meaning(text));
});

test('long lines break at brackets, one item a line', () => {
  const item = 'a_rather_long_name';
  const call = `learn.adamw(${Array.from({ length: 7 }, (_, i) => `${item}_${i} = ${i}`).join(', ')})`;
  const result = formatted(`pcn 1\ntrain t of m {\n  optimizer = ${call}\n  batch = 1\n}\n`);
  expect(result).toContain(`  optimizer = learn.adamw(\n    ${item}_0 = 0,\n    ${item}_1 = 1,`);
  expect(result).toContain('\n  )\n  batch = 1\n');
});

test('redundant brackets go and needed ones stay, and numbers keep their spelling', () => {
  const result = formatted('pcn 1\ncheck ((a)) + (b * c) - (d - e) < (3.0e-4) and (not (x))\n');
  expect(result).toBe('pcn 1\n\ncheck a + b * c - (d - e) < 3.0e-4 and not x\n');
});

test('a text with mistakes is refused', () => {
  const { value, diagnostics } = format('pcn 1\nmodel m {\n  node a f32\n}\n', 'x.pcn');
  expect(value).toBeUndefined();
  expect(diagnostics.map((d) => d.code)).toEqual(['syntax/expected']);
});

describe('formatting', () => {
  test('prints any tree so that it parses back to itself and is then in canonical form', () => {
    fc.assert(
      fc.property(sourceFile, (ast) => {
        const text = printSourceFile(ast);
        expect(meaning(text)).toEqual(plain(ast));
        const once = formatted(text);
        expect(meaning(once)).toEqual(plain(ast));
        expect(formatted(once)).toBe(once);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test('keeps all comments between any tokens, once, and formatting again changes nothing', () => {
    const texts = Object.values(LISTINGS);
    const insertion = fc.record({
      where: fc.nat(),
      text: fc.constantFrom('// c', '/// d', '//// e', '//'),
      before: fc.constantFrom(' ', '\n', '\n\n', ''),
      after: fc.constantFrom('\n', '\n\n', '\n  '),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(insertion, { minLength: 1, maxLength: 8 }),
        (text, insertions) => {
          const { tokens } = lex(text, 'x.pcn');
          let changed = text;
          const places = insertions.map((one) => ({ ...one, at: tokens[one.where % tokens.length]?.startOffset ?? 0 }));
          for (const one of places.sort((a, b) => b.at - a.at)) {
            const before = one.before === '' && changed[one.at - 1] === '/' ? ' ' : one.before;
            changed = `${changed.slice(0, one.at)}${before}${one.text}${one.after}${changed.slice(one.at)}`;
          }
          const once = formatted(changed);
          expect(formatted(once)).toBe(once);
          expect(comments(once)).toEqual(comments(changed));
          expect(meaning(once)).toEqual(meaning(changed));
        },
      ),
      { seed: 2, numRuns: 300 },
    );
  });
});

/** All comments, in any order; a doc that documents nothing may have lost a slash. */
function comments(text: string): string[] {
  const { value } = parse(text, 'x.pcn');
  return (value?.comments ?? []).map((one) => one.text.replace(/^\/\/\/(?!\/)/, '//').trimEnd()).sort();
}
