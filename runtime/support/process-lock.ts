/** A lock file that says which process holds it, and that the next one may take over when that process is dead. */

import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { createExclusively, diskError, errorCode } from './atomic.ts';
import { isProcessAlive } from './process-alive.ts';
import { ownPath } from './safe-path.ts';

export interface LockHolder {
  readonly host: string;
  readonly pid: number;
  /** When the process started, in the units of its kernel; tells a reused process number apart. Null where unknown. */
  readonly started: string | null;
  /** Different for every acquisition. */
  readonly nonce: string;
}

/** Gives the lock back. @param movedTo where the lock file is now, if its folder was renamed since */
export type Release = (movedTo?: string) => void;

export type LockResult =
  | { readonly ok: true; readonly release: Release }
  | { readonly ok: false; readonly holder: LockHolder };

/**
 * Takes the lock at `path`, or says who has it.
 *
 * A lock whose process is dead is succeeded, not deleted: the first process to create `PATH.after-NONCE` is the heir of
 * the holder NONCE, so of two processes that find the same dead holder only one wins. An heir that dies before it has
 * put its own lock in place is succeeded in the same way.
 */
export function acquireLock(path: string): LockResult {
  const self = thisHolder();
  const ticket = `${path}.${self.pid}-${self.nonce}`;
  try {
    writeFileSync(ticket, JSON.stringify(self), { flag: 'wx' });
    const free = takeFree(path, ticket, self);
    return free.ok ? free : succeed(path, ticket, self);
  } catch (error) {
    throw diskError(error, path);
  } finally {
    rmSync(ticket, { force: true });
  }
}

function succeed(path: string, ticket: string, self: LockHolder): LockResult {
  const root = readHolder(path);
  // Released between our attempt and this look.
  if (root === undefined) return takeFree(path, ticket, self);
  const successions: string[] = [];
  for (let holder = root; ; ) {
    const succession = `${path}.after-${holder.nonce}`;
    // Seen twice: a torn file without a holder's name. A person has to look.
    if (isAlive(holder) || successions.includes(succession)) return { ok: false, holder };
    successions.push(succession);
    if (createExclusively(ownPath(ticket), ownPath(succession))) break;
    const heir = readHolder(succession);
    // The heir has just finished its succession and removed the file: it holds the lock now.
    if (heir === undefined) return { ok: false, holder: readHolder(path) ?? UNKNOWN };
    holder = heir;
  }
  const current = readHolder(path);
  if (current?.nonce === root.nonce) {
    renameSync(ticket, path);
    for (const succession of successions) rmSync(succession, { force: true });
    return { ok: true, release: releaseOf(path, self) };
  }
  // Another heir finished between our first look and our claim, so we are the heir of one long gone.
  rmSync(successions.at(-1) ?? '', { force: true });
  return current === undefined ? takeFree(path, ticket, self) : { ok: false, holder: current };
}

function takeFree(path: string, ticket: string, self: LockHolder): LockResult {
  return createExclusively(ownPath(ticket), ownPath(path))
    ? { ok: true, release: releaseOf(path, self) }
    : { ok: false, holder: readHolder(path) ?? UNKNOWN };
}

function releaseOf(path: string, self: LockHolder): Release {
  return (movedTo = path) => {
    if (readHolder(movedTo)?.nonce === self.nonce) rmSync(movedTo, { force: true });
  };
}

/** A lock file that cannot be read was being written by a process that died: its holder counts as dead. */
const UNKNOWN: LockHolder = { host: '', pid: 0, started: null, nonce: 'unknown' };

function readHolder(path: string): LockHolder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    return isHolder(value) ? value : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

function isHolder(value: unknown): value is LockHolder {
  if (typeof value !== 'object' || value === null) return false;
  const { host, pid, started, nonce } = value as Record<string, unknown>;
  return (
    typeof host === 'string' &&
    Number.isSafeInteger(pid) &&
    (started === null || typeof started === 'string') &&
    typeof nonce === 'string' &&
    /^[0-9a-z]+$/.test(nonce)
  );
}

/** Processes of another machine cannot be looked at, so they count as alive. */
function isAlive(holder: LockHolder): boolean {
  if (holder.nonce === UNKNOWN.nonce) return false;
  if (holder.host !== hostname()) return true;
  if (!isProcessAlive(holder.pid)) return false;
  const started = processStart(holder.pid);
  return started === null || holder.started === null || started === holder.started;
}

function thisHolder(): LockHolder {
  return {
    host: hostname(),
    pid: process.pid,
    started: processStart(process.pid),
    nonce: randomBytes(8).toString('hex'),
  };
}

/** Field 22 of /proc/PID/stat on Linux; null elsewhere. A zombie has ended already and holds nothing: 'ended'. */
function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name (field 2) may hold spaces and brackets: count from its last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : (fields[19] ?? null);
  } catch {
    return null;
  }
}
