import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Definition, Expression } from '../../../compiler/1-syntax/ast.ts';
import { parse } from '../../../compiler/1-syntax/parse.ts';
import { CATALOGUE, TEXT_WINDOW, TRACKING_STEPS } from '../../../runtime/data/catalogue.ts';

const text = readFileSync(new URL('../../../stdlib/data.pcn', import.meta.url), 'utf8');
const { value, diagnostics } = parse(text, 'std/data');
const definitions = (value?.declarations ?? []).filter((d): d is Definition => d.kind === 'definition');

function size(expression: Expression): number {
  if (expression.kind === 'number') return expression.value;
  // The only sizes that are not numbers are the length of a window of text, and of a sequence.
  const lengths: Record<string, number> = { window: TEXT_WINDOW, steps: TRACKING_STEPS };
  expect(expression).toMatchObject({ kind: 'name', name: expect.stringMatching(/^(window|steps)$/) });
  return expression.kind === 'name' ? (lengths[expression.name] ?? 0) : 0;
}

function declared(definition: Definition) {
  const rules = definition.rules ?? [];
  return {
    splits: rules.flatMap((rule) => (rule.kind === 'split' ? rule.names.map((name) => name.text) : [])),
    fields: rules.flatMap((rule) => {
      if (rule.kind !== 'field') return [];
      const type = rule.type.element.text === 'int' ? 'i32' : rule.type.element.text;
      return [{ name: rule.name.text, type, shape: rule.type.sizes.map(size) }];
    }),
  };
}

describe('stdlib/data.pcn', () => {
  it('is valid and documented', () => {
    expect(diagnostics).toEqual([]);
    for (const definition of definitions) expect(definition.doc.length).toBeGreaterThan(20);
  });

  it('declares exactly the sets, splits and fields that the runtime opens', () => {
    const sets = definitions.filter((definition) => definition.name.text !== 'file');
    expect(Object.fromEntries(sets.map((set) => [set.name.text, declared(set)]))).toEqual(CATALOGUE);
    expect(definitions.length).toBe(sets.length + 1);
  });
});
