/** Commands that only print, run in this process: every stage of every example, every pass, every diagnostic. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parse } from '../../../compiler/1-syntax/parse.ts';
import { parseGraph } from '../../../compiler/4-graph/text.ts';
import { passes } from '../../../compiler/5-program/passes/index.ts';
import { CODES } from '../../../compiler/diagnostics/codes.ts';
import { ERROR_CODES } from '../../../runtime/support/error-codes.ts';
import { parseProgram, printProgram } from '../../../spec/program-text.ts';
import { EVERY } from '../../support/every.ts';
import { narrowCortex } from '../../support/narrow-cortex.ts';
import { temporaryFolder } from '../../support/nmc.ts';
import { nmcInProcess as nmc } from '../../support/nmc-in-process.ts';

afterEach(() => vi.restoreAllMocks());

const EXAMPLES = readdirSync('dsl-examples')
  .filter((name) => name.endsWith('.pcn'))
  .map((name) => join('dsl-examples', name));

/** The text is one field of an object, whatever the example. */
const WRAPPED = new Set(['conv', 'mnist', 'sequence'].map((name) => join('dsl-examples', `${name}.pcn`)));

/** Warnings of what an example is there to show. */
const MEANT: Readonly<Record<string, readonly string[]>> = { 'dsl-examples/deep.pcn': ['steps/few', 'steps/few'] };

const folder = temporaryFolder();

/** The example itself; `cortex.pcn` with eight narrow columns, whose program each pass prints in a tenth of the time. */
function toShow(path: string): string {
  if (!path.endsWith('cortex.pcn')) return path;
  const narrow = join(folder, 'cortex.pcn');
  writeFileSync(narrow, narrowCortex(readFileSync(path, 'utf8')));
  return narrow;
}

/** Each compiles the example anew: of those in the middle examples take turns, but for the few that show all. */
function shownPasses(example: string): typeof passes {
  const turn = EXAMPLES.indexOf(example);
  const all = EVERY || WRAPPED.has(example);
  return passes.filter((_, i) => all || i === 0 || i === passes.length - 1 || (i + turn) % 4 === 0);
}

describe.each(EXAMPLES)('nmc show %s', (example) => {
  const path = toShow(example);

  test('--stage ast prints the file without its comments', async () => {
    const { code, stdout } = await nmc('show', path, '--stage', 'ast');
    expect(code).toBe(0);
    expect(parse(stdout, 'shown.pcn').diagnostics).toEqual([]);
  });

  test('--stage graph, the default, prints what its parser reads back', async () => {
    const { code, stdout } = await nmc('show', path);
    expect(code).toBe(0);
    expect(() => parseGraph(stdout)).not.toThrow();
    expect((await nmc('show', path, '--stage', 'graph')).stdout).toBe(stdout);
  });

  test('--stage program prints what its parser reads back, and each pass shows its work', async () => {
    const last = await nmc('show', path, '--stage', 'program');
    expect(printProgram(parseProgram(last.stdout))).toBe(last.stdout);
    const shown = [(await nmc('show', path, '--stage', 'program', '--after', 'none')).stdout];
    for (const { name } of shownPasses(example)) {
      const { code, stdout } = await nmc('show', path, '--stage', 'program', '--after', name);
      expect({ name, code }).toEqual({ name, code: 0 });
      expect(printProgram(parseProgram(stdout))).toBe(stdout);
      shown.push(stdout);
    }
    expect(shown.at(-1)).toBe(last.stdout);
    expect(new Set(shown).size).toBeGreaterThan(2);
  });

  test('--stage onnx prints the graphs', async () => {
    const { code, stdout } = await nmc('show', path, '--stage', 'onnx');
    expect(code).toBe(0);
    expect(stdout).toContain('; cpu/train.onnx');
    expect(stdout).toMatch(/MatMul|Gemm/);
  });

  test('--svg draws the model', async () => {
    const { code, stdout } = await nmc('show', path, '--svg');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^<[?!s][\s\S]*<svg /);
    expect(stdout.trimEnd()).toMatch(/<\/svg>$/);
    expect(JSON.parse((await nmc('show', path, '--svg', '--json')).stdout)).toEqual({ stage: 'graph', svg: stdout });
  });

  test.runIf(EVERY || WRAPPED.has(example)).each(['ast', 'graph', 'program', 'onnx'])(
    '--stage %s --json is one object with the text',
    async (stage) => {
      const plain = await nmc('show', path, '--stage', stage);
      const { code, stdout } = await nmc('show', path, '--stage', stage, '--json');
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ stage, text: plain.stdout });
    },
  );

  test('nmc check and nmc fmt --check find no mistake', async () => {
    const checked = await nmc('check', example);
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    // Notes are not mistakes: a model with a cycle is told how it settles.
    expect(checked.stdout.endsWith(`${example}: no errors\n`)).toBe(true);
    const found = [...checked.stdout.matchAll(/^(?:error|warning)\[(.*?)\]/gm)].map((m) => m[1]);
    expect(found).toEqual(MEANT[example] ?? []);
    expect(await nmc('fmt', '--check', example)).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

describe('nmc explain', () => {
  test('lists every code', async () => {
    const { stdout } = await nmc('explain');
    const codes = new Set([...Object.keys(CODES), ...Object.keys(ERROR_CODES)]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(codes.size);
  });

  test('explains every code with its page', async () => {
    for (const [diagnostic, { title }] of Object.entries(CODES)) {
      const { code, stdout } = await nmc('explain', diagnostic);
      expect({ diagnostic, code }).toEqual({ diagnostic, code: 0 });
      expect(stdout).toBe(readFileSync(join('spec', 'diagnostics', `${diagnostic}.md`), 'utf8'));
      const json = JSON.parse((await nmc('explain', diagnostic, '--json')).stdout);
      expect(json).toEqual({ code: diagnostic, severity: expect.any(String), title, page: stdout });
    }
  });
});
