/** Examples in `spec/language.md` must be of the language. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { format } from '../../../compiler/1-syntax/format.ts';
import { parse } from '../../../compiler/1-syntax/parse.ts';
import { UNITS } from '../../../compiler/1-syntax/units.ts';
import { checkText } from '../diagnostics/check-text.ts';

const page = readFileSync(new URL('../../../spec/language.md', import.meta.url), 'utf8');

function section(title: string): string {
  const start = page.indexOf(`### ${title}\n`);
  expect(start).toBeGreaterThan(-1);
  return page.slice(start, page.indexOf('\n##', start + 5));
}
/** The code of the first column of a table, one entry for each. */
function examples(title: string): string[] {
  const rows = section(title).match(/^\| `.*$/gm) ?? [];
  return rows.flatMap((row) => (row.split(/ \| /)[0] ?? '').match(/`[^`]+`/g) ?? []).map((code) => code.slice(1, -1));
}
function mistakes(text: string): string[] {
  return parse(`pcn 1\n${text}\n`, 'x.pcn').diagnostics.map((one) => `${text}: ${one.reason}`);
}

test('the first file is in canonical form', () => {
  const [, file] = /```\n(pcn 1[\s\S]*?)```/.exec(page) ?? [];
  expect(format(file ?? '', 'x.pcn')).toEqual({ value: file, diagnostics: [] });
});

test('the first file has no mistakes', () => {
  const [, file] = /```\n(pcn 1[\s\S]*?)```/.exec(page) ?? [];
  expect(checkText(file ?? '', 'first.pcn').diagnostics).toEqual([]);
});

test('every example line parses where it belongs', () => {
  const filled = (code: string) => code.replace('{ … }', '{ }').replace('… ', '').replace(' … }', ' }');
  const isDeclaration = /^(model|train|predict|schedule|check) /;
  const inModel = examples('In a model or cluster').filter((code) => code.includes(' ') && !isDeclaration.test(code));
  const inTask = examples('In a task').filter((code) => !isDeclaration.test(code));
  const rule = /^(weight|let|next) /;
  const definitions = examples('Definitions');
  const tops = [...examples('In a model or cluster'), ...examples('In a task')].filter((code) =>
    isDeclaration.test(code),
  );
  expect(inModel.length + inTask.length + definitions.length + tops.length).toBeGreaterThan(45);
  const found = [
    ...inModel.flatMap((code) => mistakes(`model m { ${filled(code)} }`)),
    ...inTask.flatMap((code) => mistakes(`train t of m { ${filled(code)} }`)),
    ...tops.flatMap((code) => mistakes(filled(code))),
    ...definitions.flatMap((code) => mistakes(rule.test(code) ? `link l { ${code} }` : filled(code))),
    ...examples('Values').flatMap((code) => mistakes(`check ${code}`)),
    ...examples('Files')
      .filter((code) => code.startsWith('import'))
      .flatMap(mistakes),
  ];
  expect(found).toEqual([]);
});

test('every unit is on the page', () => {
  const table = page.slice(page.indexOf('| units |'), page.indexOf('## Constructs'));
  const named = [...table.matchAll(/`([^`]+)`/g)].map((match) => match[1]);
  expect([...UNITS.keys()].filter((unit) => !named.includes(unit) && !named.includes(unit.replace('/s', '')))).toEqual(
    [],
  );
});
