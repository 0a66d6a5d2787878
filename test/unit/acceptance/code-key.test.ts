/** Under which name what was measured is kept: the same for as long as nothing of the code that counts has changed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { codeKey } from '../../support/code-key.ts';
import { temporaryFolder } from '../../support/nmc.ts';

const FILES = {
  'main.ts': "import { twice } from './twice.ts';\nexport const measured = (n: number): number => twice(n);\n",
  'twice.ts': 'export const twice = (n: number): number => 2 * n;\nexport const unused = (): number => 1;\n',
  'stdlib/nodes.pcn': 'node\n',
};

async function keyWith(changed: Partial<Record<keyof typeof FILES, string>> = {}): Promise<string> {
  const root = temporaryFolder();
  mkdirSync(join(root, 'stdlib'));
  for (const [path, text] of Object.entries({ ...FILES, ...changed })) writeFileSync(join(root, path), text);
  return codeKey(root, 'main.ts');
}

test('a comment, a type, and what nothing uses keep the name; a number and the library change it', async () => {
  const before = await keyWith();
  const { 'twice.ts': twice, 'main.ts': main } = FILES;
  expect(await keyWith({ 'twice.ts': `/** Two of it. */\n${twice}`, 'main.ts': `${main}export type Of = 1;\n` })).toBe(
    before,
  );
  expect(await keyWith({ 'twice.ts': twice.replace('=> 1', '=> 4') })).toBe(before);
  expect(await keyWith({ 'twice.ts': twice.replace('2 * n', '3 * n') })).not.toBe(before);
  expect(await keyWith({ 'stdlib/nodes.pcn': 'nodes\n' })).not.toBe(before);
});
