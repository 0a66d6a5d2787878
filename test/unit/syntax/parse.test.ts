import { describe, expect, test } from 'vitest';
import type { Declaration, Expression, SourceFile } from '../../../compiler/1-syntax/ast.ts';
import { PcnParser } from '../../../compiler/1-syntax/grammar.ts';
import { makeLexer } from '../../../compiler/1-syntax/lex.ts';
import { parse } from '../../../compiler/1-syntax/parse.ts';
import { LISTINGS } from './listings.ts';

function read(text: string): SourceFile {
  const { value, diagnostics } = parse(text, 'test.pcn');
  expect(diagnostics).toEqual([]);
  if (value === undefined) throw new Error('no value');
  return value;
}
function only(text: string): Declaration {
  const [first] = read(`pcn 1\n${text}`).declarations;
  if (first === undefined) throw new Error('no declaration');
  return first;
}
/** With brackets around every operation. */
function show(e: Expression): string {
  if (e.kind === 'number') return `${e.value}${e.unit ?? ''}`;
  if (e.kind === 'name') return e.name;
  if (e.kind === 'string') return JSON.stringify(e.value);
  if (e.kind === 'unary') return `(${e.operator} ${show(e.operand)})`;
  if (e.kind === 'binary') return `(${show(e.left)} ${e.operator} ${show(e.right)})`;
  if (e.kind === 'member') return `${show(e.of)}.${e.name.text}`;
  if (e.kind === 'list') return `[${e.items.map(show).join(', ')}]`;
  if (e.kind === 'call') {
    return `${show(e.callee)}(${e.arguments.map((a) => (a.name ? `${a.name.text} = ` : '') + show(a.value)).join(', ')})`;
  }
  const items = e.items.map((i) =>
    i.kind === 'all' ? '*' : i.kind === 'at' ? show(i.value) : `${show(i.from)}..${show(i.to)}`,
  );
  return `${show(e.of)}[${items.join(', ')}]`;
}
function expression(text: string): string {
  const check = only(`check ${text}`);
  return check.kind === 'check' ? show(check.condition) : '';
}

describe('listings', () => {
  for (const [name, text] of Object.entries(LISTINGS)) {
    test(`${name} has no mistakes, on one line too`, () => {
      const ast = read(text);
      const oneLine = read(text.replace(/\/\/.*$/gm, '').replace(/\s+/g, ' '));
      expect(oneLine.declarations.length).toBe(ast.declarations.length);
      expect(ast.version).toBe(1);
    });
  }
});

describe('expressions', () => {
  test.each([
    ['a + b * c', '(a + (b * c))'],
    ['a - b - c', '((a - b) - c)'],
    ['(a - b) * c', '((a - b) * c)'],
    ['-a ^ b', '(- (a ^ b))'],
    ['a ^ -b', '(a ^ (- b))'],
    ['a ^ b ^ c', '(a ^ (b ^ c))'],
    ['-a * b', '((- a) * b)'],
    ['- -a', '(- (- a))'],
    ['not a == b', '(not (a == b))'],
    ['not a and b or c', '(((not a) and b) or c)'],
    ['a and not b', '(a and (not b))'],
    ['a < b + 1 and c != d % 2', '((a < (b + 1)) and (c != (d % 2)))'],
    ['f(x)[1].y(2, n = 3)', 'f(x)[1].y(2, n = 3)'],
    ['v[*].low[0..7, i]', 'v[*].low[0..7, i]'],
    ['[1, [2, 3], []]', '[1, [2, 3], []]'],
    ['30Hz + 5Mbit/s / 2GiB', '(30Hz + (5Mbit/s / 2GiB))'],
    ['"a\\"b\\n"', '"a\\"b\\n"'],
    ['x.when.not.model', 'x.when.not.model'],
    ['learn.il(rate = rate, method = 1, batch = node)', 'learn.il(rate = rate, method = 1, batch = node)'],
    ['f(a, b,)', 'f(a, b)'],
    ['3.0e-4', '0.0003'],
  ])('group as their precedence says: %s', (text, shown) => expect(expression(text)).toBe(shown));
});

describe('statements', () => {
  test('keywords are names where a name is expected', () => {
    const model = only('model rate { param node: int = 3 param link: float sense model: f32[node] at rate }');
    expect(model.kind === 'model' && model.body.map((s) => ('name' in s ? s.name.text : ''))).toEqual([
      'node',
      'link',
      'model',
    ]);
  });

  test('a setting may have the name of a statement', () => {
    const train = only('train il of m on d { clamp = 3 clamp x = 2 read = 1 on = 3 at = 2 validate on e }');
    expect(train.kind === 'train' && train.body.map((s) => s.kind)).toEqual([
      'setting',
      'clamp',
      'setting',
      'setting',
      'setting',
      'validate',
    ]);
  });

  test('`on` is optional, and `when` belongs to its clamp', () => {
    const train = only('train il of m { clamp x = e when c > 1 clamp eye[*] = f }');
    if (train.kind !== 'train') throw new Error('no train');
    expect(train.on).toBeUndefined();
    const [first, second] = train.body;
    expect(first?.kind === 'clamp' && first.when !== undefined && show(first.when)).toBe('(c > 1)');
    expect(second?.kind === 'clamp' && show(second.target)).toBe('eye[*]');
  });

  test('definitions are read with and without braces', () => {
    const file = read(
      'pcn 1 method il(steps: int where steps >= 1) topology full data d { } rate r(rate: rate) { value rate }',
    );
    const rules = file.declarations.map((d) => (d.kind === 'definition' ? [d.what, d.name.text, d.rules?.length] : []));
    expect(rules).toEqual([
      ['method', 'il', undefined],
      ['topology', 'full', undefined],
      ['data', 'd', 0],
      ['rate', 'r', 1],
    ]);
  });

  test('an import is read by name and by path', () => {
    const file = read('pcn 1 import std/nodes import ./column import ../../lib/model');
    expect(file.imports.map((i) => [i.path, i.name.text])).toEqual([
      ['std/nodes', 'nodes'],
      ['./column', 'column'],
      ['../../lib/model', 'model'],
    ]);
  });

  test('doc comments belong to what follows, and other comments do not', () => {
    const file = read(
      'pcn 1\n/// One.\n///\n///   Two.\n// plain\nmodel m {\n  /// A.\n  node a: f32 /// not a doc\n  node b: f32\n}\n',
    );
    const [model] = file.declarations;
    if (model?.kind !== 'model') throw new Error('no model');
    expect(model.doc).toBe('One.\n\n  Two.');
    expect(model.body.map((s) => s.doc)).toEqual(['A.', '']);
    expect(file.comments.length).toBe(6);
  });

  test('spans cover what was written', () => {
    const text = 'pcn 1\nmodel m {\n  link a -> b.c = f((x + 1) * 2) along g()\n}\n';
    const [model] = read(text).declarations;
    if (model?.kind !== 'model') throw new Error('no model');
    const [link] = model.body;
    if (link?.kind !== 'link' || link.value.kind !== 'call') throw new Error('no link');
    const cut = (s: { start: number; end: number }) => text.slice(s.start, s.end);
    expect(cut(link.span)).toBe('link a -> b.c = f((x + 1) * 2) along g()');
    expect(link.path.map((p) => cut(p.span))).toEqual(['a', 'b.c']);
    const argument = link.value.arguments[0]?.value;
    expect(argument !== undefined && cut(argument.span)).toBe('(x + 1) * 2');
    expect(argument?.kind === 'binary' && cut(argument.left.span)).toBe('(x + 1)');
  });
});

test('the grammar has no ambiguities, and its tokens no mistakes', () => {
  expect(() => new PcnParser(true)).not.toThrow();
  expect(() => makeLexer(true)).not.toThrow();
});
