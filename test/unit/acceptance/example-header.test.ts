import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exampleHeader } from '../../acceptance/example-header.ts';

describe('the head of an example', () => {
  test('gives the command and what it should reach', () => {
    const text =
      'pcn 1\n\n// nmc train x.pcn --data DIR          (DIR holds mnist/)\n// Seven lines.\n// Should reach 97.5 % in\n// a minute. More.\n\nmodel x {}\n';
    expect(exampleHeader(text)).toEqual({
      command: ['nmc', 'train', 'x.pcn', '--data', 'DIR'],
      target: 'Should reach 97.5 % in a minute.',
      needsData: true,
    });
  });

  test('is there in every example that is a model', () => {
    for (const name of readdirSync('dsl-examples').filter((file) => file.endsWith('.pcn'))) {
      const text = readFileSync(join('dsl-examples', name), 'utf8');
      if (/^model /m.test(text)) expect(exampleHeader(text)?.command.slice(0, 1), name).toEqual(['nmc']);
    }
  });
});
