import { describe, expect, test } from 'vitest';
import { parse } from '../../../compiler/1-syntax/parse.ts';
import { diagnostic } from '../../../compiler/diagnostics/codes.ts';
import type { Diagnostic } from '../../../compiler/diagnostics/diagnostic.ts';
import { cellWidth } from '../../../compiler/diagnostics/excerpt.ts';
import { toJson } from '../../../compiler/diagnostics/json.ts';
import { LineTable } from '../../../compiler/diagnostics/lines.ts';
import { render, renderDiagnostics, summary } from '../../../compiler/diagnostics/render.ts';
import { toSarif } from '../../../compiler/diagnostics/sarif.ts';
import { closest, editDistance } from '../../../compiler/diagnostics/suggest.ts';

function at(text: string, word: string, file = 'a.pcn'): Diagnostic {
  const start = text.indexOf(word);
  return diagnostic('syntax/unexpected', { file, start, end: start + word.length }, 'reason');
}

describe('positions in lines', () => {
  test('follow from offsets, whatever ends the lines', () => {
    const table = new LineTable('ab\r\ncd\re\n\nf');
    expect([0, 1, 4, 7, 9, 10, 11, 99].map((offset) => Object.values(table.position(offset)).join(':'))).toEqual([
      '1:1',
      '1:2',
      '2:1',
      '3:1',
      '4:1',
      '5:1',
      '5:2',
      '5:2',
    ]);
    expect([1, 2, 3, 4, 5, 6].map((line) => table.line(line))).toEqual(['ab', 'cd', 'e', '', 'f', '']);
  });
});

describe('frames', () => {
  test('are drawn as the language design draws them', () => {
    const text = `${'\n'.repeat(16)}  link h2 -> label = links.one_to_one()\n`;
    const start = text.indexOf('h2 -> label');
    const found: Diagnostic = {
      code: 'link/shape',
      severity: 'error',
      message: 'link cannot join these shapes',
      span: { file: 'broken.pcn', start, end: start + 'h2 -> label'.length },
      reason: 'one_to_one keeps the shape, so `label` would be f32[128], not f32[10]',
      repair: 'links.dense(), which learns a 128 x 10 matrix',
    };
    expect(renderDiagnostics([found], new Map([['broken.pcn', text]]), { more: (code) => `nmc explain ${code}` })).toBe(
      `error[link/shape]: link cannot join these shapes
  --> broken.pcn:17:8
17 |   link h2 -> label = links.one_to_one()
   |        ^^^^^^^^^^^ one_to_one keeps the shape, so \`label\` would be f32[128], not f32[10]
   = try: links.dense(), which learns a 128 x 10 matrix
   = more: nmc explain link/shape
1 error in 1 file
`,
    );
  });

  test('spread tabs and count wide characters', () => {
    const text = '\tx = "漢字" bad';
    const [, , line, under] = render(at(text, 'bad'), text).split('\n');
    expect(line).toBe('1 |     x = "漢字" bad');
    expect(under).toBe(`  | ${' '.repeat(cellWidth('    x = "漢字" '))}^^^ reason`);
    expect(cellWidth('漢字')).toBe(4);
    expect(cellWidth('e\u0301')).toBe(1);
  });

  test('cut long lines around the place', () => {
    const text = `${'a'.repeat(400)} bad ${'b'.repeat(400)}`;
    const [, , line = '', under = ''] = render(at(text, 'bad'), text, { width: 80 }).split('\n');
    expect(cellWidth(line)).toBeLessThanOrEqual(80);
    expect(line).toMatch(/^1 \| …a+ bad b+…$/);
    expect(line.slice(under.indexOf('^'), under.lastIndexOf('^') + 1)).toBe('bad');
  });

  test('mark a place of several lines on its first, and hide control characters', () => {
    const text = 'a b\u0007ad\nc';
    const found = { ...at(text, 'b'), span: { file: 'a.pcn', start: 2, end: text.length } };
    expect(render(found, text)).toContain('1 | a b·ad\n  |   ^^^^ reason');
  });

  test('show second places with their labels, in other files, too', () => {
    const text = 'one\ntwo\n';
    const other = `${'x\n'.repeat(99)}three\n`;
    const found = {
      ...at(text, 'one'),
      labels: [
        { span: { file: 'a.pcn', start: 4, end: 7 }, text: 'here' },
        { span: { file: 'b.pcn', start: 198, end: 203 }, text: 'and here' },
      ],
    };
    const shown = renderDiagnostics(
      [found],
      new Map([
        ['a.pcn', text],
        ['b.pcn', other],
      ]),
    );
    expect(shown).toContain('  2 | two\n    | --- here\n   --> b.pcn:100:1\n100 | three\n    | ----- and here');
  });

  test('name the place even without its text', () => {
    expect(renderDiagnostics([at('x', 'x')], new Map())).toContain(' --> a.pcn\n  | reason');
  });

  test('have colour only when it is asked for', () => {
    const plain = render(at('bad', 'bad'), 'bad');
    const coloured = render(at('bad', 'bad'), 'bad', { color: true });
    const esc = String.fromCharCode(27);
    expect(plain).not.toContain(esc);
    expect(coloured).toContain(`${esc}[31m`);
    expect(coloured.replaceAll(new RegExp(`${esc}\\[\\d+m`, 'g'), '')).toBe(plain);
  });

  test('the summary counts severities and files', () => {
    const error = at('x', 'x');
    const warning: Diagnostic = { ...at('x', 'x', 'b.pcn'), severity: 'warning' };
    expect(summary([error, error, warning])).toBe('2 errors, 1 warning in 2 files');
    expect(renderDiagnostics([], new Map())).toBe('');
  });
});

describe('programs', () => {
  const text = 'pcn 1\nmodel m {\n  node a f32[3]\n';
  const { diagnostics } = parse(text, 'dir one/a.pcn');
  const sources = new Map([['dir one/a.pcn', text]]);

  test('read diagnostics as JSON, one flat object each, counted from 1', () => {
    const [first, second] = toJson(diagnostics, sources);
    expect(first).toMatchObject({ code: 'syntax/unclosed', line: 2, column: 9, endLine: 2, endColumn: 10 });
    expect(first?.labels).toHaveLength(1);
    expect(second).toMatchObject({
      code: 'syntax/expected',
      severity: 'error',
      file: 'dir one/a.pcn',
      line: 3,
      column: 10,
    });
    expect(second?.repair).toContain('node h: f32[128]');
  });

  test('read diagnostics as SARIF with rules, levels and regions', () => {
    const log = JSON.parse(JSON.stringify(toSarif(diagnostics, sources, '1.2.3')));
    const [run] = log.runs;
    expect(log.version).toBe('2.1.0');
    expect(run.tool.driver.rules.map((rule: { id: string }) => rule.id)).toEqual([
      'syntax/expected',
      'syntax/unclosed',
    ]);
    const [result] = run.results;
    expect(result.ruleId).toBe('syntax/unclosed');
    expect(run.tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId);
    expect(result.locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'dir%20one/a.pcn' },
      region: { startLine: 2, startColumn: 9, endLine: 2, endColumn: 10 },
    });
    expect(result.relatedLocations).toHaveLength(1);
  });
});

describe('the suggestion of a name', () => {
  test('counts a swap of letters as one change', () => {
    expect(editDistance('nodes', 'noeds')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('same', 'same')).toBe(0);
  });

  test('is the nearest candidate, if it is near enough', () => {
    expect(closest('dens', ['sparse', 'dense', 'conv'])).toBe('dense');
    expect(closest('Hidden', ['hidden', 'hiddens'])).toBe('hidden');
    expect(closest('xyz', ['sparse', 'dense'])).toBeUndefined();
    expect(closest('a', ['b'])).toBeUndefined();
    expect(closest('dense', ['dense'])).toBeUndefined();
    expect(closest('x'.repeat(100), ['x'.repeat(99)])).toBeUndefined();
  });
});
