/** Commands in texts of the program and on the pages of codes: each exists, with the options that it is given. */
import { expect, test } from 'vitest';
import { joinAddresses } from '../../../runtime/cli/mesh/join-addresses.ts';
import { joinLine, PRINTED } from '../../../runtime/cli/mesh/join-line.ts';
import { meshOptions } from '../../../runtime/net/mesh-options.ts';
import { nmc as command, withCommands } from '../../../runtime/support/command-text.ts';
import { nmcInProcess as nmc } from '../../support/nmc-in-process.ts';
import { readText, trackedFiles } from '../../support/repository.ts';

interface Found {
  readonly file: string;
  readonly words: string;
}

const SOURCES = trackedFiles().filter((file) => /^runtime\/.*\.ts$/.test(file));
const PAGES = trackedFiles().filter((file) => /^spec\/(errors|diagnostics)\/.*\.md$/.test(file));
const inSources = SOURCES.flatMap((file) =>
  [...readText(file).matchAll(/(?<=[^.\w`]nmc)`([^`\n]+)`/g)].map(([, words = '']) => ({ file, words })),
);
const onPages = PAGES.flatMap((file) =>
  [...readText(file).matchAll(/`nmc ([^`]+)`/g)].map(([, words = '']) => ({ file, words })),
);

test('commands in texts exist, with their options', async () => {
  const helps = new Map<string, string>();
  const wrong: Found[] = [];
  expect(inSources.length).toBeGreaterThan(50);
  expect(onPages.length).toBeGreaterThan(50);
  for (const found of [...inSources, ...onPages]) {
    const [name = ''] = found.words.split(' ');
    if (['--help', 'COMMAND'].includes(name) || name.startsWith('${')) continue;
    const help = helps.get(name) ?? (await nmc(name, '--help')).stdout;
    helps.set(name, help);
    const own = found.words.split(' -- ')[0] ?? '';
    const flags = own.match(/(?<= )--?[a-z][a-z-]*/g) ?? [];
    if (!help.startsWith(`nmc ${name}`) || flags.some((flag) => !new RegExp(`${flag}\\b`).test(help)))
      wrong.push(found);
  }
  expect(wrong).toEqual([]);
});

test('help breaks no command, however narrow the terminal', async () => {
  const columns = Object.getOwnPropertyDescriptor(process.stdout, 'columns');
  try {
    const [wide, narrow] = [await helpAt(300), await helpAt(20)];
    for (const [name, help] of Object.entries(wide)) {
      const commands = help.match(/`nmc [^`]+`|^ {2}nmc .*$/gm) ?? [];
      expect(commands.length, name).toBeGreaterThan(1);
      for (const each of commands) expect(narrow[name]).toContain(each);
    }
  } finally {
    if (columns) Object.defineProperty(process.stdout, 'columns', columns);
    else Reflect.deleteProperty(process.stdout, 'columns');
  }
});

async function helpAt(columns: number): Promise<Record<string, string>> {
  Object.defineProperty(process.stdout, 'columns', { value: columns, configurable: true });
  const helps: Record<string, string> = {};
  for (const name of ['keys', 'serve', 'mesh']) helps[name] = (await nmc(name, '--help')).stdout;
  return helps;
}

const KEY = 'k'.repeat(43);
const LINE = { key: KEY, invite: 'a.b', ...PRINTED, open: command`up --listen 0.0.0.0 --insecure`, mesh: [] };
const at = (address: string, family: 'IPv4' | 'IPv6', internal = false) =>
  ({
    address,
    family,
    internal,
    netmask: '',
    mac: '',
    cidr: null,
    ...(family === 'IPv6' ? { scopeid: 0 } : {}),
  }) as never;
const INTERFACES = {
  docker0: [at('172.17.0.1', 'IPv4')],
  lo: [at('127.0.0.1', 'IPv4', true), at('::1', 'IPv6', true)],
  eth0: [at('192.168.0.2', 'IPv4'), at('fe80::1', 'IPv6'), at('2001:db8::2', 'IPv6')],
};

test('a join line has every address that others may reach, and the options that they need', () => {
  const listening = { host: '0.0.0.0', port: 7420, secure: false };
  const text = withCommands(joinLine({ ...LINE, addresses: joinAddresses(listening, INTERFACES) }));
  const options = `--fingerprint ${KEY} --insecure --invite -`;
  expect(text).toContain(`\n  nmc join 192.168.0.2:7420 ${options}\n  nmc join 172.17.0.1:7420 ${options}\n`);
  expect(text).toMatch(/^ {2}a\.b$/m);
  expect(joinAddresses({ ...listening, host: '::' }, INTERFACES).map((a) => a.host)).toContain('2001:db8::2');
  expect(joinAddresses({ ...listening, host: 'mesh.example.org' }, INTERFACES).map((a) => a.host)).toEqual([
    'mesh.example.org',
  ]);
  const secure = { host: 'mesh.example.org', port: 7420, secure: true };
  expect(withCommands(joinLine({ ...LINE, addresses: [secure] }))).toContain(
    `  nmc join wss://mesh.example.org:7420 --fingerprint ${KEY} --invite -\n`,
  );
  const here = { host: '127.0.0.1', port: 7420, secure: false };
  expect(withCommands(joinLine({ ...LINE, addresses: [here] }))).toMatch(/^only this machine can join .*0\.0\.0\.0/);
});

test('commands of an operator name a mesh that is elsewhere', () => {
  const here = { host: '127.0.0.1', port: 7420, secure: false };
  expect(meshOptions(here, KEY, '')).toEqual([]);
  expect(meshOptions(here, KEY, 'elsewhere')).toEqual(['--mesh', '127.0.0.1:7420']);
  expect(meshOptions({ ...here, host: '192.168.0.2' }, KEY, '')).toEqual([
    '--mesh',
    '192.168.0.2:7420',
    '--fingerprint',
    KEY,
    '--insecure',
  ]);
});
