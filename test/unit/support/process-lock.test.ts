import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireLock, type LockHolder } from '../../../runtime/support/process-lock.ts';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'nmc-lock-'));
const newPath = (): string => join(newFolder(), 'lock');

/** The number of a process that has ended. */
const deadPid = spawnSync(process.execPath, ['--version']).pid;

function writeHolder(path: string, holder: Partial<LockHolder>): void {
  const whole = { host: hostname(), pid: deadPid, started: null, nonce: 'aa', ...holder };
  writeFileSync(path, JSON.stringify(whole));
}

function expectTaken(path: string): void {
  expect(acquireLock(path).ok).toBe(true);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
  expect(readdirSync(join(path, '..'))).toEqual(['lock']);
}

describe('a lock', () => {
  it('is taken once, and again after release', () => {
    const path = newPath();
    const first = acquireLock(path);
    const second = acquireLock(path);
    expect(second).toMatchObject({ ok: false, holder: { pid: process.pid, host: hostname() } });
    if (!first.ok) throw new Error('the first should have it');
    first.release();
    expectTaken(path);
    first.release();
    expect(acquireLock(path).ok).toBe(false);
  });

  it('is released in the folder to which it has moved', () => {
    const folder = newFolder();
    const lock = acquireLock(join(folder, 'lock'));
    renameSync(folder, `${folder}-moved`);
    if (lock.ok) lock.release(join(`${folder}-moved`, 'lock'));
    expect(readdirSync(`${folder}-moved`)).toEqual([]);
  });

  it('is taken over from a dead process', () => {
    const path = newPath();
    writeHolder(path, {});
    expectTaken(path);
  });

  it.runIf(process.platform === 'linux')('is taken over when the process number belongs to a later process', () => {
    const path = newPath();
    writeHolder(path, { pid: process.pid, started: '1' });
    expectTaken(path);
  });

  it('is taken over when its file was never finished', () => {
    const path = newPath();
    writeFileSync(path, '{"ho');
    expectTaken(path);
  });

  it('is respected when its process lives or is on another machine', () => {
    for (const holder of [{ pid: process.pid }, { host: 'another-machine' }]) {
      const path = newPath();
      writeHolder(path, holder);
      expect(acquireLock(path)).toMatchObject({ ok: false, holder });
      expect(readdirSync(join(path, '..'))).toEqual(['lock']);
    }
  });

  it('is taken over from successors that died before they had finished, not from one that lives', () => {
    const path = newPath();
    writeHolder(path, { nonce: 'aa' });
    writeHolder(`${path}.after-aa`, { nonce: 'bb' });
    writeHolder(`${path}.after-bb`, { nonce: 'cc', pid: process.pid });
    expect(acquireLock(path)).toMatchObject({ ok: false, holder: { nonce: 'cc' } });
    writeHolder(`${path}.after-bb`, { nonce: 'cc' });
    expectTaken(path);
  });
});
