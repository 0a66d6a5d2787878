import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { launchdAgent, type Service, systemdUnit } from '../../../runtime/cli/mesh/service-unit.ts';
import { nmcInProcess } from '../../support/nmc-in-process.ts';
import { removeFolder } from '../../support/remove-folder.ts';

const HOSTILE: Service = {
  name: 'nmc-join',
  command: [process.execPath, '/opt/a b/nmc.cjs', 'join', '50%', '$HOME', 'say "x"', 'back\\slash', '<&>'],
  folder: '/tmp',
  environment: { NMC_CONFIG: '/tmp/50% of "it"' },
};
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

describe("systemd's unit", () => {
  it.runIf(hasSystemd)('is accepted by systemd-analyze, whatever the words contain', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nmc-unit-'));
    try {
      const file = join(folder, 'nmc-join.service');
      writeFileSync(file, systemdUnit(HOSTILE));
      const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--user', file], {
        encoding: 'utf8',
        env: { ...process.env, XDG_RUNTIME_DIR: folder },
      });
      expect({ status, printed: stdout + stderr }).toEqual({ status: 0, printed: '' });
    } finally {
      removeFolder(folder);
    }
  });

  it('keeps each argument one word, without specifiers and variables', () => {
    const start = /^ExecStart=(.*)$/m.exec(systemdUnit(HOSTILE))?.[1] ?? '';
    expect(start).toContain('"/opt/a b/nmc.cjs" "join" "50%%" "$$HOME" "say \\"x\\"" "back\\\\slash" "<&>"');
  });

  it('is stopped as by Ctrl-C, so that shards are handed over, and restarted when it fails', () => {
    const unit = systemdUnit(HOSTILE);
    expect(unit).toContain('\nKillSignal=SIGINT\n');
    expect(unit).toContain('\nRestart=on-failure\n');
  });
});

describe("launchd's agent", () => {
  it('is well-formed, whatever the words contain', () => {
    const agent = launchdAgent('org.neuromesh.nmc-join', HOSTILE);
    expect(agent).toContain('<string>&lt;&amp;&gt;</string>');
    expect(agent.match(/<(?!\/|\?|!)[^>/]*>/g)?.length).toBe(agent.match(/<\/[^>]*>/g)?.length);
  });
});

describe('nmc service', () => {
  it('prints the file of a command with its options, and writes nothing', async () => {
    const { code, stdout } = await nmcInProcess('service', 'install', '--print', '--', 'join', 'HOST', '--name', 'a b');
    expect(code).toBe(0);
    expect(stdout).toContain('join');
    expect(stdout).toContain('a b');
  });

  it.each([
    ['install', '--', 'train', 'm.pcn'],
    ['install'],
    ['install', '--name', '../x', '--', 'up'],
    ['remove', '--name', 'nmc-that-is-not-there'],
  ])('refuses %s %s %s %s', async (...words) => {
    const { code, stderr } = await nmcInProcess('service', ...words);
    expect(code).toBe(2);
    expect(stderr).toContain('usage/service');
  });
});
