/** Files of a large plan are written in a thread: the same bytes, and whole or not at all, whatever happens to it. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Plan } from '../../../spec/plan.ts';
import { removeFolder } from '../../support/remove-folder.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ROOT = resolve(import.meta.dirname, '../../..');
const DYING = join(ROOT, 'test/support/die-at-write.mjs');
const folder = mkdtempSync(join(tmpdir(), 'nmc-beside-'));
afterAll(() => removeFolder(folder));

const CHILD = join(folder, 'child.js');
beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  await build({
    entryPoints: {
      child: join(ROOT, 'test/unit/plan/writing-many-child.ts'),
      'write-thread': join(ROOT, 'runtime/plan/write-thread.ts'),
    },
    ...{ outdir: folder, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' },
  });
});

interface Outcome {
  readonly hasThread: boolean;
  readonly code?: string;
  readonly message?: string;
}

let count = 0;
/** A folder of its own, so that what is beside the plan is seen. */
function newPlace(): string {
  const around = join(folder, String(++count));
  mkdirSync(around);
  return join(around, 'a.plan');
}

function write(place: string, byte: number, how?: string): Outcome {
  const args = [CHILD, place, String(byte), ...(how === undefined ? [] : [how])];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Outcome;
}

/** The byte that all files of the plan are of, each with the hash that is listed. */
function plannedByte(place: string): string {
  const { byte, files } = JSON.parse(readFileSync(join(place, 'plan.json'), 'utf8')) as Plan & { byte: string };
  expect(files.map((f) => Number(f.path.split('/')[2]))).toEqual(files.map((_, i) => i));
  for (const { path, sha256, bytes } of files) {
    const found = readFileSync(join(place, path));
    expect(found.length).toBe(bytes);
    expect(createHash('sha256').update(found).digest('hex')).toBe(sha256);
    expect(found.every((n) => n === Number(byte))).toBe(true);
  }
  return byte;
}

const threads = availableParallelism() > 1;

test('all files have the bytes that the plan lists, empty and large ones too', () => {
  const place = newPlace();
  expect(write(place, 1)).toEqual({ hasThread: threads });
  expect(plannedByte(place)).toBe('1');
  expect(readFileSync(join(place, 'shards/0/390')).length).toBe(3_200_001);
  expect(readFileSync(join(place, 'shards/0/507')).length).toBe(0);
  expect(readdirSync(join(place, '..'))).toEqual(['a.plan']);
});

test('a failure of the thread is told as one of this thread, and leaves no plan', () => {
  for (const [how, codes] of [
    // The thread may come between the removal of the folder and the link in its place.
    ['link', ['path/unsafe', 'disk/gone']],
    ['gone', ['disk/gone']],
  ] as const) {
    const place = newPlace();
    const { hasThread, code } = write(place, 1, how);
    expect([hasThread, codes.some((c) => c === code)], code).toEqual([threads, true]);
    expect(readdirSync(join(place, '..'))).toEqual(['outside']);
    const outside = readdirSync(join(place, '../outside')).map(Number);
    expect(Math.max(...outside)).toBeLessThanOrEqual(400);
  }
});

test('a part that cannot be made stops the thread, and leaves nothing', () => {
  const place = newPlace();
  expect(write(place, 1, 'throw')).toMatchObject({ hasThread: threads, message: 'no more' });
  expect(readdirSync(join(place, '..'))).toEqual([]);
});

test('a kill in the middle of a write of the thread leaves the old plan, or none', () => {
  for (const old of [undefined, 1])
    for (const at of [1, 2, 150, 300]) {
      const place = newPlace();
      if (old !== undefined) write(place, old);
      const env = { ...process.env, NMC_TEST_DIE_AT: String(at), NMC_TEST_DIE_IN: threads ? 'thread' : 'main' };
      const { signal } = spawnSync(process.execPath, ['--import', DYING, CHILD, place, '2'], { env });
      expect(signal).toBe('SIGKILL');
      expect(existsSync(place)).toBe(old !== undefined);
      if (old !== undefined) expect(plannedByte(place)).toBe('1');
      expect(readdirSync(join(place, '..')).filter((name) => name.startsWith('.'))).toHaveLength(1);
      if (at !== 300) continue;
      write(place, 3);
      expect(plannedByte(place)).toBe('3');
      expect(readdirSync(join(place, '..'))).toEqual(['a.plan']);
    }
});
