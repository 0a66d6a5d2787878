/**
 * Every diagnostic code has a page, and a case `test/errors/<code>.pcn` that gives it, with the message a person sees
 * beside it. Accept changed messages with UPDATE_GOLDEN=1.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { MAX_LENGTH } from '../../../compiler/1-syntax/parse.ts';
import { CODES } from '../../../compiler/diagnostics/codes.ts';
import { renderDiagnostics } from '../../../compiler/diagnostics/render.ts';
import { checkText } from './check-text.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const cases = join(root, 'test/errors');
const update = process.env.UPDATE_GOLDEN === '1';

/** Cases too large to keep as files. */
const GENERATED: Readonly<Record<string, () => string>> = {
  'syntax/too-large': () => `pcn 1\n${' '.repeat(MAX_LENGTH)}`,
};

function casesUnder(folder: string): string[] {
  return readdirSync(join(cases, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return casesUnder(path);
    return path.endsWith('.pcn') ? [path.slice(0, -'.pcn'.length)] : [];
  });
}

const files = casesUnder('');

describe('every code', () => {
  test.each(Object.keys(CODES))('%s has a page and a case', (code) => {
    const page = join(root, 'spec/diagnostics', `${code}.md`);
    expect(existsSync(page), `spec/diagnostics/${code}.md`).toBe(true);
    expect(readFileSync(page, 'utf8')).toMatch(new RegExp(`^# ${code}\n`));
    expect(files.includes(code) || code in GENERATED, `test/errors/${code}.pcn`).toBe(true);
  });

  test('is known where a page or a case has it', () => {
    const known = new Set<string>(Object.keys(CODES));
    const pages = readdirSync(join(root, 'spec/diagnostics'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.md'))
      .map((path) => path.replaceAll('\\', '/').slice(0, -'.md'.length));
    expect(pages.filter((page) => !known.has(page))).toEqual([]);
    // A second case of a code is called `<code>.<what>.pcn`; a module that a case imports begins with `_`.
    expect(files.filter((file) => !file.includes('/_') && !known.has(codeOf(file)))).toEqual([]);
  });
});

describe('every case', () => {
  test.each(files.filter((file) => !file.includes('/_')))('of %s has the message that was accepted', (file) => {
    const path = join(cases, file);
    const { diagnostics, texts } = checkText(readFileSync(`${path}.pcn`, 'utf8'), `test/errors/${file}.pcn`);
    expect(diagnostics.map((one) => one.code)).toContain(codeOf(file));
    const rendered = renderDiagnostics(diagnostics, texts, { more: (code) => `nmc explain ${code}` });
    if (update) writeFileSync(`${path}.txt`, rendered);
    expect(rendered).toBe(readFileSync(`${path}.txt`, 'utf8'));
  });

  test.each(Object.entries(GENERATED))('of %s, made here, has its code alone', (code, make) => {
    expect(checkText(make(), 'generated.pcn').diagnostics.map((one) => one.code)).toEqual([code]);
  });
});

function codeOf(file: string): string {
  return file.replace(/\.[^/]*$/, '');
}
