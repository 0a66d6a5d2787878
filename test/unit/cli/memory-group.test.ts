/** The kernel's bound on memory, against a folder that looks like the kernel's. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { memoryGroup } from '../../../runtime/cli/mesh/memory-group.ts';
import { removeFolder } from '../../support/remove-folder.ts';

let root = '';
let parent = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nmc-group-'));
  parent = join(root, 'user.slice/mesh.service');
  mkdirSync(parent, { recursive: true });
  writeFileSync(join(root, 'own'), '0::/user.slice/mesh.service\n');
});
afterEach(() => removeFolder(root));

const made = () => memoryGroup(4711, 1.5e8, { root, own: join(root, 'own') });

test('a delegated group bounds the process, and says when the kernel has ended it', () => {
  writeFileSync(join(parent, 'cgroup.subtree_control'), 'cpu memory pids\n');
  const group = made();
  const place = join(parent, 'nmc-4711');
  expect(readFileSync(join(place, 'memory.max'), 'utf8')).toBe('150000000');
  expect(readFileSync(join(place, 'cgroup.procs'), 'utf8')).toBe('4711');
  expect(group?.ranOut()).toBe(false);
  writeFileSync(join(place, 'memory.events'), 'low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n');
  expect(group?.ranOut()).toBe(true);
});

test.each<[string, () => void]>([
  ['groups below it are not bounded', () => writeFileSync(join(parent, 'cgroup.subtree_control'), 'cpu\n')],
  ['it does not exist', () => undefined],
  ['the kernel has the older kind', () => writeFileSync(join(root, 'own'), '4:memory:/user.slice\n')],
])('no group is made where %s', (_, prepare) => {
  prepare();
  expect(made()).toBeUndefined();
  expect(existsSync(join(parent, 'nmc-4711'))).toBe(false);
});
