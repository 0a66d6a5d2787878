/** How printed commands begin, by how the process was started. */
import { describe, expect, test } from 'vitest';
import { type Start, startedAs } from '../../../runtime/cli/shell/started-as.ts';

const FILES = ['/usr/bin/node', '/opt/a/project/node_modules/.bin/nmc'];
const HOME: Start = {
  platform: 'linux',
  argv0: 'node',
  script: '/opt/a/neuromesh/dist/nmc.cjs',
  cwd: '/opt/a/neuromesh',
  env: { PATH: '/usr/local/bin:/usr/bin' },
  exists: (path) => FILES.includes(path),
};

const NPX = { npm_command: 'exec', npm_config_local_prefix: '/opt/a/project' };
const CACHED = '/opt/a/.npm/_npx/2ebdb42432c4ac5b/node_modules/.bin/nmc';
const LOCAL = '/opt/a/project/node_modules/.bin/nmc';

describe('a printed command begins', () => {
  test.each<[string, Partial<Start>, string]>([
    ['by the program file, from where it was typed', {}, 'node dist/nmc.cjs status'],
    ['by its whole path from elsewhere', { cwd: '/tmp' }, 'node /opt/a/neuromesh/dist/nmc.cjs status'],
    ['by Node as it was called', { argv0: '/opt/node 22/bin/node' }, "'/opt/node 22/bin/node' dist/nmc.cjs status"],
    ['by `node`, where that is the one on the path', { argv0: '/usr/bin/node' }, 'node dist/nmc.cjs status'],
    ['by its name, where the shell finds that', { script: '/usr/local/bin/nmc' }, 'nmc status'],
    ['by its path, where the shell does not', { script: '/opt/bin/nmc' }, 'node /opt/bin/nmc status'],
    ['by npx in a package that has it', { script: LOCAL, cwd: '/opt/a/project/src', env: NPX }, 'npx --no nmc status'],
    ['by npx, called by its link', { script: LOCAL, cwd: '/opt/a/project' }, 'npx --no nmc status'],
    ['by its path, where npx would not find it', { script: LOCAL, cwd: '/tmp' }, `node ${LOCAL} status`],
    ['by npx in its own package', { script: CACHED, env: { ...NPX, npm_package_bin_nmc: 'x' } }, 'npx --no nmc status'],
    [
      'by its path, where npx has fetched it from a file',
      { script: CACHED, env: { npm_command: 'exec' } },
      `node ${CACHED} status`,
    ],
    [
      'as a wrapper says',
      { env: { NMC_COMMAND: 'docker compose exec mesh nmc' } },
      'docker compose exec mesh nmc status',
    ],
  ])('%s', (_, change, line) => {
    expect(startedAs({ ...HOME, ...change })('status')).toBe(line);
  });

  test('with npx’s end of options before its own options', () => {
    const begin = startedAs({ ...HOME, script: LOCAL, cwd: '/opt/a/project', env: NPX });
    expect(begin('--help')).toBe('npx --no -- nmc --help');
    expect(begin('')).toBe('npx --no nmc');
  });
});
