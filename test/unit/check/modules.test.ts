/** Files, imports and the host. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { importedFile } from '../../../compiler/2-names/load.ts';
import { checkFile } from '../../../compiler/compile.ts';
import { fileHost, MAX_FILE_BYTES } from '../../../compiler/host.ts';
import { codesOf } from '../../support/check-source.ts';

describe('imports', () => {
  test.each([
    ['std/nodes', 'models/brain.pcn', 'std:nodes.pcn'],
    ['./column', 'models/brain.pcn', 'models/column.pcn'],
    ['./column', 'brain.pcn', 'column.pcn'],
    ['../lib/column', 'a/models/brain.pcn', 'a/lib/column.pcn'],
    ['../lib/column', 'brain.pcn', '../lib/column.pcn'],
    ['../column', '../brain.pcn', '../../column.pcn'],
    ['./column', '/abs/brain.pcn', '/abs/column.pcn'],
    ['../column', '/abs/brain.pcn', '/column.pcn'],
  ])('of %s in %s read the file %s', (path, from, expected) => {
    expect(importedFile(path, from)).toBe(expected);
  });

  test('a module sees its own imports, not those of the file that imports it', () => {
    const main =
      'pcn 1\nimport std/links\nimport ./lib\nmodel m {\n cluster c = lib.c()\n sense x: f32[2]\n link c.a -> x = links.dense()\n}';
    const lib = (imports: string): string =>
      `pcn 1\n${imports}cluster c() {\n node a: f32[3]\n node b: f32[3]\n link a -> b = links.dense()\n expose a\n}`;
    expect(codesOf(main, {}, { 'lib.pcn': lib('import std/links\n') })).toEqual([]);
    expect(codesOf(main, {}, { 'lib.pcn': lib('') })).toEqual(['name/unknown']);
  });

  test('three files in a ring are one mistake', () => {
    const files = { 'a.pcn': 'pcn 1\nimport ./b\n', 'b.pcn': 'pcn 1\nimport ./c\n', 'c.pcn': 'pcn 1\nimport ./a\n' };
    expect(codesOf('pcn 1\nimport ./a\n', {}, files)).toEqual(['import/cycle']);
  });

  test('a file that imports itself is refused', () => {
    expect(codesOf('pcn 1\nimport ./main\n')).toEqual(['import/cycle']);
  });

  test('a syntax error in an import is reported in its own file, and nowhere else', () => {
    const codes = codesOf('pcn 1\nimport ./a\nmodel m {\n node x: f32[a.n]\n}', {}, { 'a.pcn': 'pcn 1\nmodel {' });
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.filter((code) => !code.startsWith('syntax/'))).toEqual([]);
  });
});

describe('a file on disk', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-host-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  test('is read as text, and refused where it is a folder, binary or large', () => {
    const host = fileHost();
    expect(host.read(write('a.pcn', 'pcn 1\n'))).toEqual({ kind: 'text', text: 'pcn 1\n' });
    mkdirSync(join(folder, 'folder.pcn'));
    expect(host.read(join(folder, 'folder.pcn')).kind).toBe('directory');
    expect(host.read(write('zero.pcn', 'pcn 1\0')).kind).toBe('binary');
    expect(host.read(write('latin.pcn', Uint8Array.of(0x70, 0xe9))).kind).toBe('binary');
    expect(host.read(write('large.pcn', ' '.repeat(MAX_FILE_BYTES + 1))).kind).toBe('large');
    expect(host.read(join(folder, 'none.pcn')).kind).toBe('missing');
    expect(host.read(join(folder, 'a.pcn', 'below.pcn')).kind).toBe('missing');
    expect(host.read('std:nodes.pcn').kind).toBe('text');
  });

  test('gives a diagnostic with the nearest name where it is missing', () => {
    write('column.pcn', 'pcn 1\n');
    const { value, diagnostics } = checkFile(fileHost(), join(folder, 'colum.pcn'));
    expect(value).toBeUndefined();
    expect(diagnostics.map((d) => [d.code, d.repair])).toEqual([['import/missing', 'did you mean `column`?']]);
  });
});
