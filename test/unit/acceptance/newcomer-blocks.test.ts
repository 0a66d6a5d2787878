/** Blocks that a newcomer pastes are found in a page, and a line that fails is named. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { blocksIn, blocksOf, scriptOf } from '../../acceptance/newcomer-blocks.ts';
import { ROOT } from '../../support/repository.ts';

const PAGE = `# Page

\`\`\`sh
echo one    # a comment
echo two && true
\`\`\`

Save this as \`m.pcn\`:

\`\`\`pcn
pcn 1
\`\`\`

\`\`\`
what is printed
\`\`\`
`;

test('commands and files to save are found in a page, and printed output is not', () => {
  expect(blocksIn('a.md', PAGE)).toEqual([
    { page: 'a.md', what: 'commands', lines: ['echo one    # a comment', 'echo two && true'] },
    { page: 'a.md', what: 'file', name: 'm.pcn', text: 'pcn 1\n' },
  ]);
  const blocks = blocksOf(ROOT);
  expect(blocks.filter((b) => b.what === 'commands').flatMap((b) => b.lines).length).toBeGreaterThan(15);
  expect(blocks.filter((b) => b.what === 'file').map((b) => b.name)).toEqual(['model.pcn', 'kinds.pcn']);
});

const run = (...lines: string[]) => spawnSync('bash', ['-c', scriptOf(lines)], { encoding: 'utf8' });

test('lines run as they are, until one fails', () => {
  expect(run('echo one # x', 'cd /', 'pwd')).toMatchObject({ status: 0, stdout: 'one\n/\n' });
  expect(run('echo one && false', 'echo two')).toMatchObject({
    status: 1,
    stdout: 'one\n@@ failed: echo one && false\n',
  });
});

test('a line beside a service runs until it ends, and is given up when the service ends', () => {
  const ready = 'npx() { true; }';
  expect(run(ready, '(sleep 20; : nmc up) &', 'echo one')).toMatchObject({ status: 0, stdout: 'one\n' });
  expect(run(ready, '(sleep 20; : nmc up) &', 'false')).toMatchObject({ status: 1, stdout: '@@ failed: false\n' });
  const given = '@@ failed: sleep 20, when a service had ended\n';
  expect(run(ready, '(sleep 0.1; : nmc up) &', 'sleep 20', 'echo two')).toMatchObject({ status: 1, stdout: given });
});
