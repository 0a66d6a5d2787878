/** Files that stay open between reads are few, and never stand for one that was put in their place. */
import { closeSync, fstatSync, mkdtempSync, openSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { BlobFiles } from '../../../runtime/backplane/blob-files.ts';
import { OpenFiles } from '../../../runtime/backplane/open-files.ts';
import { removeFolder } from '../../support/remove-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-open-files-'));
afterAll(() => removeFolder(folder));

test('the one used longest ago is closed for one more, and opened anew', () => {
  const opened: string[] = [];
  const files = new OpenFiles(2);
  const get = (name: string): number =>
    files.get(name, () => {
      opened.push(name);
      const path = join(folder, name);
      writeFileSync(path, name);
      return openSync(path, 'r');
    }) ?? -1;
  const first = get('a');
  get('b');
  expect(get('a')).toBe(first);
  const second = get('b');
  get('a');
  get('c');
  expect(() => fstatSync(second)).toThrow('EBADF');
  expect(fstatSync(first).size).toBe(1);
  get('b');
  expect(opened).toEqual(['a', 'b', 'c', 'b']);
  expect(files.get('none', () => undefined)).toBeUndefined();
  for (const name of ['a', 'b', 'c']) files.close(name);
  expect(() => closeSync(first)).toThrow('EBADF');
});

test('a blob that was removed, or replaced, is not read from the file that it had', () => {
  const blobs = new BlobFiles(join(folder, 'blobs'));
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 251);
  const hash = blobs.put(bytes);
  const read = (): Uint8Array | undefined => {
    const into = new Uint8Array(20);
    return blobs.readOften(hash, [{ at: 40, into }]) ? into : undefined;
  };
  expect(read()).toEqual(bytes.subarray(40, 60));
  // The disk damages it: what reads it whole finds that, and another one is brought.
  writeFileSync(
    join(folder, 'blobs', hash.slice(0, 2), hash),
    bytes.map((byte) => byte ^ 1),
  );
  expect(blobs.get(hash)).toBeUndefined();
  expect(read()).toBeUndefined();
  blobs.put(bytes);
  expect(read()).toEqual(bytes.subarray(40, 60));
  expect(blobs.readOften(hash, [{ at: 290, into: new Uint8Array(20) }])).toBe(false);
});
