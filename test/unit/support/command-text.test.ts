/** Commands within texts: what is put into them reaches the program as it is, and nothing cuts or changes them. */
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { createRng } from '../../../compiler/6-partition/rng.ts';
import { errorBody } from '../../../runtime/http/http-error.ts';
import {
  byName,
  commandsBegin,
  commandsIn,
  nmc,
  pageWithCommands,
  shellWord,
  withCommands,
  withOptions,
} from '../../../runtime/support/command-text.ts';
import { jsonLine } from '../../../runtime/support/emit.ts';
import { printable, printableLines, printed } from '../../../runtime/support/printable.ts';

const KEY = `-${'k'.repeat(42)}`;

afterEach(() => commandsBegin((words) => `nmc ${words}`.trim()));

describe('a value in a command', () => {
  const PIECES = [
    ' ',
    "'",
    '"',
    '$',
    '$(id)',
    '`',
    '`nmc ',
    '\\',
    '!',
    '*',
    '~',
    '#',
    '&',
    ';',
    '|',
    '=',
    '-',
    '{a,b}',
  ];
  const LETTERS = [
    'é',
    '日本',
    '👩‍👩‍👧',
    '\u200b',
    '\u202e',
    '\t',
    '\n',
    'a',
    'B',
    '7',
    '.',
    '/',
    '%',
    '%s',
    '^',
    '\u{e0001}',
  ];

  test('comes through a shell as it was', () => {
    const { below } = createRng(7, 'words');
    const pieces = [...PIECES, ...LETTERS];
    const words = Array.from({ length: 400 }, () => {
      // What `$(…)` gives has no line end at its end.
      return Array.from({ length: 1 + below(8) }, () => pieces[below(pieces.length)])
        .join('')
        .replace(/\n+$/, 'n');
    });
    const all = ['', '-', '--', '-x', "it's", ...PIECES, ...words];
    const script = `printf '%s\\0' ${all.map(shellWord).join(' ')}`;
    expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1)).toEqual(all);
    for (const word of words)
      expect(commandsIn(`x ${nmc`eval ${`a${word}`} --json`} y`)).toEqual([`nmc eval ${shellWord(`a${word}`)} --json`]);
    for (const word of words) expect(shellWord(word)).toBe(printable(shellWord(word)));
  });

  test('is not an option, unless it is a key or a list of options', () => {
    expect(nmc`check ${'-x.pcn'}`).toBe('`nmc check ./-x.pcn`');
    expect(nmc`keys allow ${KEY} --role trainer`).toBe(`\`nmc keys allow ${KEY} --role trainer\``);
    expect(nmc`join ${'a:1'} ${['--insecure', '--invite', '-']}`).toBe('`nmc join a:1 --insecure --invite -`');
    expect(nmc`join ${'a:1'} ${[]} --relay`).toBe('`nmc join a:1 --relay`');
    expect(nmc`join ${'a:1'} ${[]}`).toBe('`nmc join a:1`');
  });
});

describe('a text with commands', () => {
  test('is written with the way in which the process was started', () => {
    commandsBegin((words) => `npx --no nmc ${words}`.trim());
    const text = `make another: ${nmc`keys new`}, or ${nmc`keys show`}`;
    const shown = 'make another: `npx --no nmc keys new`, or npx --no nmc keys show';
    expect(withCommands(text)).toBe(shown);
    expect(printed`${text}`).toBe(shown);
    expect(printableLines(`a\n${text}`)).toBe(`a\n${shown}`);
    expect(JSON.parse(jsonLine({ text }, withCommands))).toEqual({ text: shown });
    expect(JSON.parse(jsonLine({ text }))).toEqual({ text });
    expect(printed`${nmc``}`).toBe('npx --no nmc');
    expect(errorBody('http/token', 'no', text)).toEqual({
      error: { code: 'http/token', message: 'no', repair: shown },
    });
  });

  test('names the mesh that was asked, where a command does not', () => {
    const options = ['--mesh', 'a:1'];
    const text = `${nmc`keys list`}, ${nmc`status --mesh b:2`} or ${nmc`keys show`}, ${nmc`explain`}`;
    expect(withOptions(text, options, ['keys', 'status'])).toBe(
      `${nmc`keys list --mesh a:1`}, ${nmc`status --mesh b:2`} or ${nmc`keys show --mesh a:1`}, ${nmc`explain`}`,
    );
  });

  test('is cut after a command, never within', () => {
    const command = nmc`keys allow ${KEY} --role operator`;
    expect(printable(`${command} and more`, 20)).toBe(`${command}…`);
    expect(printed`${`${command} ${'and more '.repeat(300)}`}`).toContain(withCommands(command));
    expect(printable(`so many words ${command}`, 10)).toBe('so many wo…');
  });

  test('keeps its marks as a page, and is the same for all readers of a file', () => {
    commandsBegin((words) => `node dist/nmc.cjs ${words}`);
    expect(
      pageWithCommands(
        '**Repair.** `nmc keys new` makes one.\n\n```\nnmc check a.pcn\n```\n\nnmc is no command here.\n',
      ),
    ).toBe(
      '**Repair.** `node dist/nmc.cjs keys new` makes one.\n\n```\nnode dist/nmc.cjs check a.pcn\n```\n\nnmc is no command here.\n',
    );
    expect(byName(`${nmc`predict . --input FILE`}`)).toBe('nmc predict . --input FILE');
  });
});
