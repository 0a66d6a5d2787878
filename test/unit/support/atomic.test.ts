import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  appendLineDurably,
  createFileAtomic,
  diskError,
  removeLeftovers,
  truncateDurably,
  writeFileAtomic,
} from '../../../runtime/support/atomic.ts';
import { EnvironmentError } from '../../../runtime/support/errors.ts';
import { ownPath } from '../../../runtime/support/safe-path.ts';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'nmc-atomic-'));

function failure(action: () => void): EnvironmentError {
  try {
    action();
  } catch (error) {
    if (error instanceof EnvironmentError) return error;
    throw error;
  }
  throw new Error('expected an EnvironmentError');
}

describe('createFileAtomic', () => {
  it('makes a file where none is, and leaves what another process has made meanwhile', () => {
    const folder = newFolder();
    const [mine, theirs] = [join(folder, 'mine'), join(folder, 'theirs')];
    expect(createFileAtomic(ownPath(mine), 'first')).toBe(true);
    expect(createFileAtomic(ownPath(mine), 'second')).toBe(false);
    const made = function* (): Generator<Uint8Array> {
      writeFileSync(theirs, 'of another');
      yield Uint8Array.of(1);
    };
    expect(createFileAtomic(ownPath(theirs), made())).toBe(false);
    expect([readFileSync(mine, 'utf8'), readFileSync(theirs, 'utf8')]).toEqual(['first', 'of another']);
    expect(readdirSync(folder)).toEqual(['mine', 'theirs']);
  });
});

describe('writeFileAtomic', () => {
  it('replaces texts, bytes and pieces of bytes, and leaves nothing else in the folder', () => {
    const folder = newFolder();
    const path = join(folder, 'file');
    for (const content of ['text é', Uint8Array.of(1, 2), [Uint8Array.of(1), Uint8Array.of(2, 3)], '']) {
      writeFileAtomic(ownPath(path), content);
      const expected =
        typeof content === 'string'
          ? Buffer.from(content)
          : Buffer.from([...content].flatMap((p) => (typeof p === 'number' ? p : [...p])));
      expect(readFileSync(path)).toEqual(expected);
    }
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('keeps the old content, and no rest of the new, when the new one fails halfway', () => {
    const folder = newFolder();
    const path = join(folder, 'file');
    writeFileAtomic(ownPath(path), 'old');
    function* failing(): Generator<Uint8Array> {
      yield Uint8Array.of(1);
      throw new Error('no more');
    }
    expect(() => writeFileAtomic(ownPath(path), failing())).toThrow('no more');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('says that the folder has gone, or that a folder is in the way', () => {
    const folder = newFolder();
    expect(failure(() => writeFileAtomic(ownPath(folder, 'gone', 'file'), '')).code).toBe('disk/gone');
    mkdirSync(join(folder, 'taken'));
    expect(failure(() => writeFileAtomic(ownPath(folder, 'taken'), '')).code).toBe('disk/failed');
    expect(readdirSync(folder)).toEqual(['taken']);
  });
});

describe('appending and cutting', () => {
  it('add one line, and cut at a byte', () => {
    const path = join(newFolder(), 'lines');
    appendLineDurably(ownPath(path), '{"a":1}');
    appendLineDurably(ownPath(path), 'é');
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\né\n');
    truncateDurably(ownPath(path), 8);
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n');
    expect(() => appendLineDurably(ownPath(path), 'two\nlines')).toThrow('one line');
  });

  it.runIf(existsSync('/dev/full'))('say that the disk is full', () => {
    const error = failure(() => appendLineDurably(ownPath('/dev/full'), 'x'));
    expect(error.code).toBe('disk/full');
    expect(error.message).toContain('/dev/full');
    expect(error.repair).toContain('--out');
  });
});

describe('diskError', () => {
  const systemError = (code: string): Error => Object.assign(new Error(code), { code });

  it.each([
    ['ENOSPC', 'disk/full'],
    ['EDQUOT', 'disk/full'],
    ['EACCES', 'disk/denied'],
    ['EPERM', 'disk/denied'],
    ['EROFS', 'disk/denied'],
    ['ENOENT', 'disk/gone'],
    ['EIO', 'disk/failed'],
  ])('turns %s into %s with a repair', (code, expected) => {
    const error = diskError(systemError(code), '/a/b');
    expect(error).toBeInstanceOf(EnvironmentError);
    expect(error).toMatchObject({ code: expected, message: expect.stringContaining('/a/b') });
    expect(error).toHaveProperty('repair', expect.stringMatching(/./));
  });

  it('leaves errors that are not of files as they are', () => {
    const bug = new TypeError('a bug');
    expect(diskError(bug, '/a')).toBe(bug);
    const internal = systemError('ERR_OUT_OF_RANGE');
    expect(diskError(internal, '/a')).toBe(internal);
    const known = new EnvironmentError('disk/full', 'said already');
    expect(diskError(known, '/b')).toBe(known);
  });
});

it('removeLeftovers removes only temporary files', () => {
  const folder = newFolder();
  for (const name of ['.model.safetensors.123-4.tmp', 'mine.tmp', '.hidden', '.a.tmp'])
    writeFileSync(join(folder, name), '');
  removeLeftovers(ownPath(folder));
  expect(readdirSync(folder).sort()).toEqual(['.a.tmp', '.hidden', 'mine.tmp']);
  removeLeftovers(ownPath(folder, 'gone'));
});
