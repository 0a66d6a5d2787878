/** Every code of a failure at run time has a page and a place that uses it, and a person is told how to read the page. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { CODES } from '../../../compiler/diagnostics/codes.ts';
import { ERROR_CODES } from '../../../runtime/support/error-codes.ts';
import { nmcInProcess as nmc } from '../../support/nmc-in-process.ts';
import { readText, trackedFiles } from '../../support/repository.ts';

afterEach(() => vi.restoreAllMocks());

const TABLE = 'runtime/support/error-codes.ts';
const codes = Object.keys(ERROR_CODES);
const sources = trackedFiles().filter((file) => /^runtime\/.*\.ts$/.test(file) && file !== TABLE);
const text = sources.map(readText).join('\n');

/** Codes that are put together: what stands before `/` or behind it is chosen where they are used. */
const JOINED = ['mesh/unreadable', 'mesh/json', 'capability/unreadable', 'capability/json', 'deploy/partition'];

test('the table is sorted, and each title is one line without a full stop', () => {
  expect(codes).toEqual([...codes].sort());
  expect(Object.values(ERROR_CODES).filter((title) => !/^\S.*[^.\s]$/.test(title))).toEqual([]);
});

test.each(codes)('%s has a page and is used', (code) => {
  const folder = Object.hasOwn(CODES, code) ? 'diagnostics' : 'errors';
  const page = readFileSync(join('spec', folder, `${code}.md`), 'utf8');
  expect(page.startsWith(`# ${code}\n`)).toBe(true);
  for (const part of ['\n**Why.** ', '\n**Repair.** ']) expect(page).toContain(part);
  expect(text.includes(`'${code}'`) || JOINED.includes(code), `nothing uses ${code}`).toBe(true);
});

test('each page in spec/errors is of a code of the table that is not one of the compiler', () => {
  const pages = readdirSync(join('spec', 'errors'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => path.replaceAll('\\', '/').slice(0, -'.md'.length));
  expect(pages.filter((page) => !codes.includes(page) || Object.hasOwn(CODES, page))).toEqual([]);
});

test('a code that is written outside of a constructor is in the table, too', () => {
  // Constructors take codes of the table by type.
  const written = [...text.matchAll(/\bcode: '([a-z-]+\/[a-z-]+)'/g)].map((match) => match[1] ?? '');
  expect(written.length).toBeGreaterThan(3);
  expect(written.filter((code) => !codes.includes(code))).toEqual([]);
});

test('a failure names the page of its code, and its JSON keeps its fields', async () => {
  const { code, stdout, stderr } = await nmc('show', 'nowhere.pcn', '--stage', 'tree', '--json');
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(/^error\[usage\/stage\]: .*\n {2}= try: .*\n {2}= more: nmc explain usage\/stage\n$/),
  });
  const line = JSON.parse(stdout) as { readonly message: string };
  expect(line).toEqual({ event: 'error', code: 'usage/stage', message: line.message });
  const explained = await nmc('explain', 'usage/stage', '--json');
  const page = readFileSync(join('spec', 'errors', 'usage', 'stage.md'), 'utf8');
  const title = ERROR_CODES['usage/stage'];
  expect(JSON.parse(explained.stdout)).toEqual({ code: 'usage/stage', severity: 'error', title, page });
  expect(existsSync(join('spec', 'errors', 'data', 'field.md'))).toBe(false);
});

test('nmc explain without a code lists those of the compiler and those of a run, each once', async () => {
  const { stdout } = await nmc('explain', '--json');
  const listed = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly code: string }).code);
  expect(listed).toEqual([...new Set([...Object.keys(CODES), ...codes])]);
});
